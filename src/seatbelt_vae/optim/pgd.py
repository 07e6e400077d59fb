"""`minimize_by_pgd`: batched projected gradient descent with an adaptive step per row."""

import math
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from seatbelt_vae.errors import ConfigError
from seatbelt_vae.optim.descent import Function, check_settings
from seatbelt_vae.optim.minimum import Minimum, Status
from seatbelt_vae.optim.region import Region, region_of

__all__ = ["minimize_by_pgd"]

_FIRST_STEP = 0.5
_SHRINK = 0.5
_PATIENCE = 4
_SMALLEST = 1e-4


def minimize_by_pgd(
    fun: Function,
    x0: Tensor,
    lower: Tensor | float,
    upper: Tensor | float,
    *,
    center: Tensor | None = None,
    radius: Tensor | float | None = None,
    max_evaluations: int = 100,
    annealed: bool = False,
    micro_batch: int | None = None,
) -> Minimum:
    r"""Minimise :math:`f_r(x)` over a ball in a box, or over a box, by normalised gradient steps.

    In a ball the step is :math:`\alpha\rho` along the normalised gradient; in a box it is
    :math:`\alpha` times half of each side along the gradient's sign. :math:`\alpha` starts at ½
    per row. After four steps without improvement it is halved and the row restarts from its best
    point; the row ends when :math:`\alpha` is below 10⁻⁴. With ``annealed``, :math:`\alpha` is
    :math:`\tfrac12(1 + \cos(\pi k/K))` at evaluation k of K: long steps leave poor minima.

    Args:
        fun, x0, lower, upper, center, radius, max_evaluations, micro_batch: as for `minimize`;
            without a ball the bounds are finite.
        annealed: let the step fall as a cosine.

    Raises:
        ConfigError, ShapeError: as for `minimize`; also for an infinite region.

    Source: Auto-PGD of Croce and Hein (2020), with a simpler rule for the step.

    Example:
        >>> def fun(x, rows):
        ...     return (x - 3).square().sum(1), 2 * (x - 3)
        >>> ball = {"center": torch.zeros(1, 4), "radius": 1.0}
        >>> minimize_by_pgd(fun, torch.zeros(1, 4), -1.0, 1.0, **ball).x
        tensor([[0.5000, 0.5000, 0.5000, 0.5000]])
    """
    region = region_of(x0, lower, upper, center, radius)
    micro_batch = max(1, len(x0)) if micro_batch is None else micro_batch
    check_settings(max_evaluations=max_evaluations, micro_batch=micro_batch)
    if not bool(_size(region).isfinite().all()):
        raise ConfigError("the region is infinite: give finite bounds or a ball of finite radius")
    rows, descend = torch.arange(len(x0), device=x0.device), _anneal if annealed else _descend
    found = [
        descend(fun, x0[chunk].detach(), region.rows(chunk), chunk, max_evaluations)
        for chunk in rows.split(micro_batch)
    ]
    return Minimum(
        *(torch.cat([getattr(part, field.name) for part in found]) for field in fields(Minimum))
    )


@dataclass
class _Best:
    """The best point of each row so far, with its value and gradient.

    Args:
        points: :math:`(R, n)`.
        value: infinite before the first finite value, :math:`(R)`.
        gradient: of the shape of the points.
        iterations: improvements after the first finite value, :math:`(R)`.
    """

    points: Tensor
    value: Tensor
    gradient: Tensor
    iterations: Tensor

    @classmethod
    def before(cls, points: Tensor, rows: Tensor) -> "_Best":
        """The state before the first evaluation."""
        value = points.new_full((len(points),), torch.inf)
        return cls(points.clone(), value, torch.zeros_like(points), torch.zeros_like(rows))

    def update(self, points: Tensor, value: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor]:
        """Keep better points; returns which values are finite, and which are better."""
        finite = value.isfinite() & gradient.sum(1).isfinite()
        better = finite & (value < self.value)
        self.iterations += better & self.value.isfinite()
        rows = better.nonzero()[:, 0]
        for kept, new in ((self.points, points), (self.value, value), (self.gradient, gradient)):
            kept.index_copy_(0, rows, new.index_select(0, rows))
        return finite, better

    def restart(self, rows: Tensor, points: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor]:
        """The points and gradients, with the best ones in some rows, a mask (R)."""
        index = rows.nonzero()[:, 0]
        if len(index) == 0:
            return points, gradient
        # out of place: the gradient belongs to the function, and may be an expanded view
        return (
            points.index_copy(0, index, self.points.index_select(0, index)),
            gradient.index_copy(0, index, self.gradient.index_select(0, index)),
        )

    def minimum(self, region: Region, status: Tensor, evaluations: Tensor) -> Minimum:
        """The result; rows that were never finite get their own status."""
        never = self.value.isinf()
        free = region.tangent(self.points, self.gradient).project(self.gradient)
        return Minimum(
            x=self.points,
            value=self.value,
            gradient_norm=free.norm(dim=1).masked_fill(never, torch.nan),
            status=status.masked_fill(never, Status.NOT_FINITE),
            evaluations=evaluations,
            iterations=self.iterations,
        )


def _descend(
    fun: Function, x0: Tensor, region: Region, rows: Tensor, max_evaluations: int
) -> Minimum:
    points = region.project(x0)
    best = _Best.before(points, rows)
    step, stale = torch.full_like(best.value, _FIRST_STEP), torch.zeros_like(best.value)
    evaluations = torch.zeros_like(rows)
    for _ in range(max_evaluations):
        busy = (step >= _SMALLEST).nonzero()[:, 0]
        if len(busy) == 0:
            break
        value, gradient = torch.full_like(best.value, torch.inf), torch.zeros_like(points)
        value[busy], gradient[busy] = fun(points[busy], rows[busy])
        evaluations[busy] += 1
        finite, better = best.update(points, value, gradient)
        stale = torch.where(better, 0, stale + 1)
        stuck = (stale >= _PATIENCE) | ~finite
        step = torch.where(stuck, step * _SHRINK, step).masked_fill(best.value.isinf(), 0)
        stale = torch.where(stuck, 0, stale)
        points, gradient = best.restart(stuck, points, gradient)
        points = region.project(_stepped(region, points, gradient, step))
    status = torch.where(step < _SMALLEST, Status.CONVERGED, Status.EVALUATION_LIMIT)
    return best.minimum(region, status, evaluations)


def _anneal(
    fun: Function, x0: Tensor, region: Region, rows: Tensor, max_evaluations: int
) -> Minimum:
    points = region.project(x0)
    best = _Best.before(points, rows)
    for k in range(max_evaluations):
        value, gradient = fun(points, rows)
        finite, _ = best.update(points, value, gradient)
        points, gradient = best.restart(~finite, points, gradient)
        step = torch.full_like(best.value, 0.5 * (1 + math.cos(math.pi * k / max_evaluations)))
        points = region.project(_stepped(region, points, gradient, step))
    limit = torch.full_like(rows, Status.EVALUATION_LIMIT)
    return best.minimum(region, limit, torch.full_like(rows, max_evaluations))


def _size(region: Region) -> Tensor:
    """The radius of each row's ball, or half of each side of the box."""
    return 0.5 * (region.upper - region.lower) if region.ball is None else region.ball.radius


def _stepped(region: Region, points: Tensor, gradient: Tensor, step: Tensor) -> Tensor:
    """The points after steps of α against the gradient, α per row."""
    if region.ball is None:
        return points - step[:, None] * _size(region) * gradient.sign()
    norm = gradient.norm(dim=1).clamp_min(torch.finfo(gradient.dtype).tiny)
    return torch.addcmul(points, (step * _size(region) / norm)[:, None], gradient, value=-1)
