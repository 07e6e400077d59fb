"""The discriminator of FactorVAE, an estimator of a total correlation."""

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["DensityRatio", "shuffled"]

_WIDTH, _HIDDEN, _SLOPE = 1000, 6, 0.2


class DensityRatio(nn.Module):
    r""":math:`\log q(z) - \log \prod_j q(z_j)`, estimated by a classifier.

    The log-ratio is the logit of the optimal classifier between samples of :math:`q(z)` and of
    :math:`\prod_j q(z_j)`. Its mean over codes is the total correlation.

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
        """Mean cross-entropy of the two classes, nats; log 2 at chance.

        The codes are detached, because this loss must not train the encoder.
        """
        joint, product = self(codes.detach()), self(shuffled_codes.detach())
        return 0.5 * (functional.softplus(-joint).mean() + functional.softplus(product).mean())


def shuffled(z: Tensor, generator: torch.Generator) -> Tensor:
    r"""Samples of :math:`\prod_j q(z_j)`: codes :math:`(B, d)`, each unit permuted over the batch.

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
