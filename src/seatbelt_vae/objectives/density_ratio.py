"""FactorVAE's total correlation: a discriminator that tells codes from shuffled ones."""

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["DensityRatio", "shuffled"]

_WIDTH, _HIDDEN, _SLOPE = 1000, 6, 0.2


class DensityRatio(nn.Module):
    r""":math:`\log q(z) - \log \prod_j q(z_j)`, learnt; its mean over codes is their TC.

    A classifier with logit :math:`\ell` that tells samples of :math:`q(z)` from samples of
    :math:`\prod_j q(z_j)` as well as can be has :math:`\ell` equal to that log-ratio.

    Args:
        units: d, units of the code.

    Source: Kim & Mnih (2018), equations 2-3 and appendix A (six layers of 1000, leaky ReLU 0.2).

    Example:
        >>> ratio = DensityRatio(units=3)
        >>> ratio(torch.zeros(5, 3)).shape
        torch.Size([5])
    """

    def __init__(self, units: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for width in (units, *(_WIDTH,) * (_HIDDEN - 1)):
            layers += [nn.Linear(width, _WIDTH), nn.LeakyReLU(_SLOPE)]
        self.layers = nn.Sequential(*layers, nn.Linear(_WIDTH, 1))

    def forward(self, z: Tensor) -> Tensor:
        """The log-ratio of codes :math:`(B, d)`, nats, :math:`(B)`."""
        logit: Tensor = self.layers(z)
        return logit.squeeze(-1)

    def loss(self, codes: Tensor, shuffled_codes: Tensor) -> Tensor:
        """Mean cross-entropy of telling the two apart, nats; log 2 is a coin.

        The codes are cut off from whatever made them: a gradient of this loss in the encoder would
        train it to be told apart.
        """
        joint, product = self(codes.detach()), self(shuffled_codes.detach())
        return 0.5 * (functional.softplus(-joint).mean() + functional.softplus(product).mean())


def shuffled(z: Tensor, generator: torch.Generator) -> Tensor:
    r"""Codes :math:`(B, d)` with every unit shuffled over the batch by itself: from
    :math:`\prod_j q(z_j)`.

    Example:
        >>> z = torch.arange(8.0).view(4, 2)
        >>> moved = shuffled(z, torch.Generator().manual_seed(0))
        >>> bool((moved.sort(0).values == z).all()), bool((moved == z).all())
        (True, False)
    """
    orders = torch.stack(
        [torch.randperm(len(z), generator=generator) for _ in range(z.shape[1])], dim=1
    )
    return z.gather(0, orders.to(z.device))
