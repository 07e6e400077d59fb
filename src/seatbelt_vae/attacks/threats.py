r"""What keeps a distortion small: a penalty of weight λ, or a budget ε.

Both turn the divergence r of a point into the :math:`\Delta` an attack minimises under one *level*,
a λ or an ε. A point is evaluated once and then has a :math:`\Delta` under every level.
"""

from dataclasses import dataclass
from typing import Any, Literal, NotRequired, Protocol, TypedDict

import torch
from torch import Tensor

from seatbelt_vae.config import AttackConfig
from seatbelt_vae.protocol import Bounds

__all__ = ["Budget", "Norms", "Penalty", "Threat", "Where", "threat_of"]

_ROUNDING = 1e-6


@dataclass(frozen=True)
class Norms:
    r""":math:`\|d\|_2` and :math:`\|d\|_\infty` of distortions, float64, of one shape."""

    l2: Tensor
    linf: Tensor

    @classmethod
    def of(cls, distortion: Tensor) -> "Norms":
        """The norms of distortions :math:`(R, n)`."""
        return cls(distortion.double().norm(dim=1), distortion.abs().amax(dim=1).double())

    def __getitem__(self, index: Any) -> "Norms":
        return Norms(self.l2[index], self.linf[index])


class Where(TypedDict):
    """Where `minimize` may go: bounds, and perhaps a ball, a row each."""

    lower: Tensor | float
    upper: Tensor | float
    center: NotRequired[Tensor]
    radius: NotRequired[Tensor]


class Threat(Protocol):
    """How distortions are kept small."""

    def cost(self, norms: Norms, levels: Tensor) -> Tensor:
        r"""What is added to r, broadcast: :math:`\Delta` minus r; infinite where not allowed."""
        ...

    def add_to(
        self, value: Tensor, gradient: Tensor, distortion: Tensor, levels: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Add the cost and its gradient to those of r, rows :math:`(R, n)`; see `region`."""
        ...

    def share(self, norms: Norms, levels: Tensor) -> Tensor:
        """How much of distortions of these norms is allowed, broadcast, at most 1."""
        ...

    def unit(self, span: Tensor, norms: Norms, bounds: Bounds) -> Tensor:
        """What a relative level of 1 is, from :math:`r_0-c` and the norms of :math:`x_t-x`."""
        ...

    def reach(self, norms: Norms, levels: Tensor, size: int) -> Tensor:
        r"""The :math:`\|d\|_2` that each level lets distortions of n values have, to scale starts.

        ``norms`` are those of the distortion that leads to the target.
        """
        ...

    def region(self, x: Tensor, levels: Tensor, bounds: Bounds) -> Where:
        """Where `minimize` may go: bounds, and perhaps a ball, for rows :math:`(R, n)`."""
        ...


@dataclass(frozen=True)
class Penalty:
    r""":math:`\Delta = r + \lambda\|d\|_2^p`, p = 1 or 2, in the image bounds."""

    power: Literal[1, 2] = 1

    def cost(self, norms: Norms, levels: Tensor) -> Tensor:
        r""":math:`\lambda\|d\|_2^p`."""
        return levels * norms.l2**self.power

    def add_to(
        self, value: Tensor, gradient: Tensor, distortion: Tensor, levels: Tensor
    ) -> tuple[Tensor, Tensor]:
        r"""Add :math:`\lambda\|d\|^p` and its gradient."""
        weights, distance = levels.to(value), distortion.norm(dim=1)
        # at d = 0 the norm has no gradient; 0 is a subgradient, and gradient_norm judges d = 0
        unit = torch.where(distance > 0, weights / distance, 0)
        pull = unit if self.power == 1 else 2 * weights
        value = value + weights * distance**self.power
        return value, torch.addcmul(gradient, pull[:, None], distortion)

    def share(self, norms: Norms, levels: Tensor) -> Tensor:
        """All of it."""
        return torch.ones_like(norms.l2 * levels)

    def unit(self, span: Tensor, norms: Norms, bounds: Bounds) -> Tensor:
        r""":math:`(r_0-c)/\|x_t-x\|^p`: the λ under which moving to the target gains nothing."""
        del bounds
        return span / norms.l2**self.power

    def reach(self, norms: Norms, levels: Tensor, size: int) -> Tensor:
        """The distance of the target."""
        del size
        return norms.l2.expand(len(levels))

    def region(self, x: Tensor, levels: Tensor, bounds: Bounds) -> Where:
        """The box of the image bounds."""
        del x, levels
        return {"lower": bounds[0], "upper": bounds[1]}


@dataclass(frozen=True)
class Budget:
    r""":math:`\Delta = r` where :math:`\|d\| \leq \varepsilon`, in the image bounds."""

    norm: Literal["l2", "linf"]

    def cost(self, norms: Norms, levels: Tensor) -> Tensor:
        """0 within the budget, to rounding; infinite beyond it."""
        size: Tensor = getattr(norms, self.norm)
        inside = size <= levels * (1 + _ROUNDING)
        return torch.zeros_like(levels * size).masked_fill(~inside, torch.inf)

    def add_to(
        self, value: Tensor, gradient: Tensor, distortion: Tensor, levels: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Nothing: the region keeps the budget."""
        del distortion, levels
        return value, gradient

    def share(self, norms: Norms, levels: Tensor) -> Tensor:
        r""":math:`\min(1, \varepsilon/\|d\|)`."""
        size: Tensor = getattr(norms, self.norm)
        return (levels / size.clamp_min(torch.finfo(size.dtype).tiny)).clamp(max=1)

    def unit(self, span: Tensor, norms: Norms, bounds: Bounds) -> Tensor:
        r""":math:`\|x_t-x\|_2` (1 without a target); of the largest change, the pixels' range."""
        if self.norm == "linf":
            return torch.full_like(span, bounds.span)
        return torch.where(norms.l2 > 0, norms.l2, 1)

    def reach(self, norms: Norms, levels: Tensor, size: int) -> Tensor:
        """The ball's radius, or the half diagonal of the small box."""
        del norms
        return levels if self.norm == "l2" else levels * size**0.5

    def region(self, x: Tensor, levels: Tensor, bounds: Bounds) -> Where:
        """The box with a ball in it; or the smaller box that the largest change leaves."""
        low, high = bounds
        radius = levels.to(x)
        if self.norm == "l2":
            return {"lower": low, "upper": high, "center": x, "radius": radius}
        lower, upper = (_no_farther(x + s * radius[:, None], x, levels) for s in (-1, 1))
        return {"lower": lower.clamp_min(low), "upper": upper.clamp_max(high)}


def _no_farther(bound: Tensor, x: Tensor, levels: Tensor) -> Tensor:
    """Bounds moved back towards x where rounding has led them out of the budget."""
    farther = (bound.double() - x.double()).abs() > levels.double()[:, None]
    return torch.where(farther, bound.nextafter(x), bound)


def threat_of(config: AttackConfig) -> Threat:
    """The threat that settings mean."""
    threats: dict[str, Threat] = {
        "penalty": Penalty(1),
        "squared-penalty": Penalty(2),
        "l2": Budget("l2"),
        "linf": Budget("linf"),
    }
    return threats[config.threat]
