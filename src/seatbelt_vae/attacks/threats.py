r"""Threats, which limit distortions: a penalty of weight λ, or a budget ε.

Both map the divergence r of a point to the :math:`\Delta` that an attack minimises under a *level*,
a λ or an ε. One evaluation of r at a point gives its :math:`\Delta` under every level.
"""

from dataclasses import dataclass
from typing import Any, Literal, NotRequired, Protocol, TypedDict

import torch
from torch import Tensor

from seatbelt_vae.config import AttackConfig
from seatbelt_vae.protocol import Bounds

__all__ = ["Budget", "Norms", "Penalty", "RegionOptions", "Threat", "threat_of"]

_ROUNDING = 1e-6
_TINY = 1e-300


@dataclass(frozen=True)
class Norms:
    r""":math:`\|d\|_2` and :math:`\|d\|_\infty` of distortions, float64, of one shape."""

    l2: Tensor
    linf: Tensor

    @classmethod
    def of(cls, distortion: Tensor, units: Tensor | None = None) -> "Norms":
        """The norms of distortions :math:`(R, n)`; L∞ in the given unit per feature, if any."""
        shares = distortion.abs()
        if units is not None:
            shares = shares.double() / units.to(shares.device).double().clamp_min(_TINY)
        return cls(distortion.double().norm(dim=1), shares.amax(dim=1).double())

    def __getitem__(self, index: Any) -> "Norms":
        return Norms(self.l2[index], self.linf[index])


class RegionOptions(TypedDict):
    """The region of `minimize`: bounds and an optional ball, per row."""

    lower: Tensor | float
    upper: Tensor | float
    center: NotRequired[Tensor]
    radius: NotRequired[Tensor]


class Threat(Protocol):
    """A limit on distortions."""

    @property
    def units(self) -> Tensor | None:
        """The unit of the L∞ norm per feature, :math:`(n)`; None for 1."""
        ...

    def cost(self, norms: Norms, levels: Tensor) -> Tensor:
        r""":math:`\Delta - r`, broadcast; infinite where the distortion is not allowed."""
        ...

    def add_to(
        self, value: Tensor, gradient: Tensor, distortion: Tensor, levels: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Add the cost and its gradient to those of r, rows :math:`(R, n)`; see `region`."""
        ...

    def share(self, norms: Norms, levels: Tensor) -> Tensor:
        """The largest allowed fraction, at most 1, of distortions of these norms, broadcast."""
        ...

    def unit(self, span: Tensor, norms: Norms, bounds: Bounds) -> Tensor:
        """The level whose relative value is 1, from :math:`r_0-c` and norms of :math:`x_t-x`."""
        ...

    def start_radius(self, norms: Norms, levels: Tensor, size: int) -> Tensor:
        r"""A bound on :math:`\|d\|_2` under each level, the scale of random starts.

        ``norms`` are those of :math:`x_t - x`, and ``size`` is the number of values n.
        """
        ...

    def region(self, x: Tensor, levels: Tensor, bounds: Bounds) -> RegionOptions:
        """The region of `minimize`: bounds and an optional ball, for rows :math:`(R, n)`."""
        ...


@dataclass(frozen=True)
class Penalty:
    r""":math:`\Delta = r + \lambda\|d\|_2^p`, p = 1 or 2, in the image bounds."""

    power: Literal[1, 2] = 1
    units: None = None

    def cost(self, norms: Norms, levels: Tensor) -> Tensor:
        r""":math:`\lambda\|d\|_2^p`."""
        return levels * norms.l2**self.power

    def add_to(
        self, value: Tensor, gradient: Tensor, distortion: Tensor, levels: Tensor
    ) -> tuple[Tensor, Tensor]:
        r"""Add :math:`\lambda\|d\|^p` and its gradient."""
        weights, distance = levels.to(value), distortion.norm(dim=1)
        # the norm has no gradient at d = 0; 0 is a subgradient there
        unit = torch.where(distance > 0, weights / distance, 0)
        factor = unit if self.power == 1 else 2 * weights
        value = value + weights * distance**self.power
        return value, torch.addcmul(gradient, factor[:, None], distortion)

    def share(self, norms: Norms, levels: Tensor) -> Tensor:
        """1: a penalty allows every distortion."""
        return torch.ones_like(norms.l2 * levels)

    def unit(self, span: Tensor, norms: Norms, bounds: Bounds) -> Tensor:
        r""":math:`(r_0-c)/\|x_t-x\|^p`: the λ for which moving to the target gains nothing."""
        del bounds
        return span / norms.l2**self.power

    def start_radius(self, norms: Norms, levels: Tensor, size: int) -> Tensor:
        """The distance to the target."""
        del size
        return norms.l2.expand(len(levels))

    def region(self, x: Tensor, levels: Tensor, bounds: Bounds) -> RegionOptions:
        """The box of the image bounds."""
        del x, levels
        return {"lower": bounds[0], "upper": bounds[1]}


@dataclass(frozen=True)
class Budget:
    r""":math:`\Delta = r` where :math:`\|d\| \leq \varepsilon`, in the image bounds."""

    norm: Literal["l2", "linf"]
    units: Tensor | None = None

    def cost(self, norms: Norms, levels: Tensor) -> Tensor:
        """0 within the budget, to rounding; infinite beyond it."""
        length: Tensor = getattr(norms, self.norm)
        inside = length <= levels * (1 + _ROUNDING)
        return torch.zeros_like(levels * length).masked_fill(~inside, torch.inf)

    def add_to(
        self, value: Tensor, gradient: Tensor, distortion: Tensor, levels: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Add nothing: the region enforces the budget."""
        del distortion, levels
        return value, gradient

    def share(self, norms: Norms, levels: Tensor) -> Tensor:
        r""":math:`\min(1, \varepsilon/\|d\|)`."""
        return self.scale(norms, levels).clamp(max=1)

    def scale(self, norms: Norms, levels: Tensor) -> Tensor:
        r""":math:`\varepsilon/\|d\|`, which brings distortions to the edge of the budget."""
        length: Tensor = getattr(norms, self.norm)
        return levels / length.clamp_min(torch.finfo(length.dtype).tiny)

    def unit(self, span: Tensor, norms: Norms, bounds: Bounds) -> Tensor:
        r""":math:`\|x_t-x\|_2` (1 without a target); for :math:`L_\infty` the pixel range or 1."""
        if self.norm == "linf":
            return torch.full_like(span, bounds.span if self.units is None else 1)
        return torch.where(norms.l2 > 0, norms.l2, 1)

    def start_radius(self, norms: Norms, levels: Tensor, size: int) -> Tensor:
        """The ball's radius, or half the diagonal of the :math:`L_\\infty` box."""
        del norms
        if self.norm == "l2":
            return levels
        return levels * (size**0.5 if self.units is None else float(self.units.double().norm()))

    def region(self, x: Tensor, levels: Tensor, bounds: Bounds) -> RegionOptions:
        """The box intersected with a ball; or the smaller box of an :math:`L_\\infty` budget."""
        low, high = bounds
        radius = levels.to(x)
        if self.norm == "l2":
            return {"lower": low, "upper": high, "center": x, "radius": radius}
        units = torch.ones(()) if self.units is None else self.units
        sides = radius[:, None] * units.to(x)
        exact = levels.double()[:, None] * units.to(levels.device).double()
        lower, upper = (_inside_budget(x + s * sides, x, exact) for s in (-1, 1))
        return {"lower": lower.clamp_min(low), "upper": upper.clamp_max(high)}


def _inside_budget(bound: Tensor, x: Tensor, sides: Tensor) -> Tensor:
    """Bounds moved towards x by one float where rounding puts them outside the budget."""
    farther = (bound.double() - x.double()).abs() > sides
    return torch.where(farther, bound.nextafter(x), bound)


def threat_of(config: AttackConfig, units: Tensor | None = None) -> Threat:
    """The threat of a config; ``units`` are those of L∞ budgets, in the shape of an input."""
    units = None if units is None else units.flatten()
    threats: dict[str, Threat] = {
        "penalty": Penalty(1),
        "squared-penalty": Penalty(2),
        "l2": Budget("l2"),
        "linf": Budget("linf", units),
    }
    return threats[config.threat]
