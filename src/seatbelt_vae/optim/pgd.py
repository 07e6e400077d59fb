"""`minimize_by_pgd`: batched projected gradient descent with an adaptive step per row."""

import math
from dataclasses import fields

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


def _descend(
    fun: Function, x0: Tensor, region: Region, rows: Tensor, max_evaluations: int
) -> Minimum:
    points = best = region.project(x0)
    best_value = x0.new_full((len(x0),), torch.inf)
    best_gradient = torch.zeros_like(best)
    step, stale = torch.full_like(best_value, _FIRST_STEP), torch.zeros_like(best_value)
    evaluations, iterations = torch.zeros_like(rows), torch.zeros_like(rows)
    for _ in range(max_evaluations):
        busy = (step >= _SMALLEST).nonzero()[:, 0]
        if len(busy) == 0:
            break
        value, gradient = torch.full_like(best_value, torch.inf), torch.zeros_like(best)
        value[busy], gradient[busy] = fun(points[busy], rows[busy])
        evaluations[busy] += 1
        finite = value.isfinite() & gradient.sum(1).isfinite()
        better = finite & (value < best_value)
        iterations += better & best_value.isfinite()
        best = torch.where(better[:, None], points, best)
        best_value = torch.where(better, value, best_value)
        best_gradient = torch.where(better[:, None], gradient, best_gradient)
        stale = torch.where(better, 0, stale + 1)
        stuck = (stale >= _PATIENCE) | ~finite
        step = torch.where(stuck, step * _SHRINK, step).masked_fill(best_value.isinf(), 0)
        stale = torch.where(stuck, 0, stale)
        # a stuck row restarts from its best point, whose gradient is known
        points = torch.where(stuck[:, None], best, points)
        gradient = torch.where(stuck[:, None], best_gradient, gradient)
        points = region.project(points - step[:, None] * _unit_step(region, gradient))
    never = best_value.isinf()
    norm = region.tangent(best, best_gradient).project(best_gradient).norm(dim=1)
    status = torch.where(step < _SMALLEST, Status.CONVERGED, Status.EVALUATION_LIMIT)
    return Minimum(
        x=best,
        value=best_value,
        gradient_norm=norm.masked_fill(never, torch.nan),
        status=status.masked_fill(never, Status.NOT_FINITE),
        evaluations=evaluations,
        iterations=iterations,
    )


def _anneal(
    fun: Function, x0: Tensor, region: Region, rows: Tensor, max_evaluations: int
) -> Minimum:
    points = best = region.project(x0)
    best_value = x0.new_full((len(x0),), torch.inf)
    best_gradient, iterations = torch.zeros_like(best), torch.zeros_like(rows)
    for k in range(max_evaluations):
        value, gradient = fun(points, rows)
        finite = value.isfinite() & gradient.sum(1).isfinite()
        better = finite & (value < best_value)
        iterations += better & best_value.isfinite()
        best = torch.where(better[:, None], points, best)
        best_value = torch.where(better, value, best_value)
        best_gradient = torch.where(better[:, None], gradient, best_gradient)
        points = torch.where(finite[:, None], points, best)
        gradient = torch.where(finite[:, None], gradient, best_gradient)
        step = 0.5 * (1 + math.cos(math.pi * k / max_evaluations))
        points = region.project(points - step * _unit_step(region, gradient))
    never = best_value.isinf()
    norm = region.tangent(best, best_gradient).project(best_gradient).norm(dim=1)
    status = torch.full_like(rows, Status.EVALUATION_LIMIT)
    return Minimum(
        x=best,
        value=best_value,
        gradient_norm=norm.masked_fill(never, torch.nan),
        status=status.masked_fill(never, Status.NOT_FINITE),
        evaluations=torch.full_like(rows, max_evaluations),
        iterations=iterations,
    )


def _size(region: Region) -> Tensor:
    """The radius of each row's ball, or half of each side of the box."""
    return 0.5 * (region.upper - region.lower) if region.ball is None else region.ball.radius


def _unit_step(region: Region, gradient: Tensor) -> Tensor:
    """The step for α = 1."""
    if region.ball is None:
        return _size(region) * gradient.sign()
    norm: Tensor = gradient.norm(dim=1, keepdim=True).clamp_min(torch.finfo(gradient.dtype).tiny)
    return _size(region)[:, None] * (gradient / norm)
