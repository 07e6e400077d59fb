r"""Images within a budget :math:`\|d\| \leq \varepsilon\|x_t-x\|`, and their gaps."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from itertools import chain

import torch
from torch import Tensor

from seatbelt_vae.evaluation.gap import Pair, image_norm, reconstruct
from seatbelt_vae.protocol import Autoencoder

__all__ = ["Candidates", "blend", "shorten"]

_ROUNDING = 1e-6


def shorten(x: Tensor, adversarial: Tensor, length: float) -> Tensor:
    r""":math:`x + \min(1, \ell/\|d\|)\,d`, :math:`d = x^* - x`: attacks shortened to length ℓ.

    The result stays inside the box, which is convex; :math:`\|d\| \leq \ell` holds to rounding.

    Args:
        x: the input :math:`(C, H, W)`.
        adversarial: :math:`x^*`, shape :math:`(n, C, H, W)`.
        length: ℓ.

    Example:
        >>> shorten(torch.zeros(1, 1, 2), torch.tensor([[[[3.0, 4.0]]]]), 2.5)
        tensor([[[[1.5000, 2.0000]]]])
    """
    d = (adversarial - x).double()
    size = image_norm(d, x.ndim).clamp_min(torch.finfo(torch.float64).tiny)
    share = (length / size).clamp(max=1).view(-1, *[1] * x.ndim)
    shortened = (x.double() + share * d).to(x)
    return torch.where(share == 1, adversarial, shortened)


def blend(pair: Pair, epsilon: float) -> Tensor:
    r""":math:`x + \varepsilon(x_t - x)`, the attack that needs no model; :math:`(C, H, W)`."""
    return torch.lerp(pair.x, pair.target, epsilon)


@dataclass(frozen=True)
class Candidates:
    """Images within one budget, with their reconstructions and measures.

    Args:
        images, reconstructions: :math:`(n, C, H, W)`.
        how: the origin of each: ``zero`` (the input itself), ``row``, ``shortened``, ``blend``,
            ``budgeted`` or ``budgeted-recheck``; against a defence ``undefended`` or the origin of
            a `GradientSource`.
        distance_relative, gap, distortion: of each image, float64; see `Pair`.
    """

    images: Tensor
    reconstructions: Tensor
    how: tuple[str, ...]
    distance_relative: Tensor
    gap: Tensor
    distortion: Tensor

    @classmethod
    def within(
        cls, model: Autoencoder, pair: Pair, adversarial: Tensor, epsilon: float, batch: int
    ) -> "Candidates":
        """The input, every row shortened to the budget, and last the blend."""
        budget = epsilon * pair.image_distance
        inside = pair.norm(adversarial - pair.x) <= budget * (1 + _ROUNDING)
        shortened = shorten(pair.x, adversarial, budget)
        images = torch.cat([pair.x[None], shortened, blend(pair, epsilon)[None]])
        rows = tuple("row" if row else "shortened" for row in inside.tolist())
        return cls.of(model, pair, images, ("zero", *rows, "blend"), batch)

    @classmethod
    def of(
        cls, model: Autoencoder, pair: Pair, images: Tensor, how: tuple[str, ...], batch: int
    ) -> "Candidates":
        """Images with the reconstructions of a model."""
        reconstructions = reconstruct(model, images, batch=batch)
        return cls(
            images,
            reconstructions,
            how,
            pair.distance_relative(images),
            pair.gap(reconstructions),
            pair.distortion(reconstructions),
        )

    @classmethod
    def joined(cls, parts: Sequence["Candidates"]) -> "Candidates":
        """The candidates of all parts, in order."""
        columns = {f.name: [getattr(part, f.name) for part in parts] for f in fields(cls)}
        how = tuple(chain.from_iterable(columns.pop("how")))
        return cls(how=how, **{name: torch.cat(values) for name, values in columns.items()})

    def take(self, positions: Sequence[int]) -> "Candidates":
        """The candidates at some positions."""
        tensors = {name: value for name, value in vars(self).items() if name != "how"}
        return Candidates(
            how=tuple(self.how[i] for i in positions),
            **{name: value[list(positions)] for name, value in tensors.items()},
        )

    @property
    def best(self) -> int:
        """The position of the smallest gap."""
        return int(self.gap.argmin())
