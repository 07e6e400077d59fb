"""Minimise a function over a box, thousands of independent rows at a time.

Every row has its own line search and stops on its own; at each tick every running row evaluates its
own next trial point, whether that begins an iteration or backtracks, so that no row waits for
another. Rows that have stopped leave the batch.
"""

import torch
from torch import Tensor

from seatbelt_vae.errors import ConfigError, ShapeError
from seatbelt_vae.optim.descent import Descent, Function, Limits
from seatbelt_vae.optim.minimum import Minimum

__all__ = ["minimize"]


def minimize(
    fun: Function,
    x0: Tensor,
    lower: Tensor | float,
    upper: Tensor | float,
    *,
    memory: int = 10,
    max_evaluations: int = 500,
    relative_fall: float = 1e-4,
    window: int = 10,
    floor: float = 0.0,
    gradient_tolerance: float = 0.0,
    micro_batch: int | None = None,
) -> Minimum:
    r"""Minimise :math:`f_r(x)` over :math:`lower \le x \le upper` for every row :math:`r`.

    Projected limited-memory BFGS with a two-metric projection (Bertsekas 1982): the direction is
    :math:`-P H P \nabla f` with P off the coordinates at a bound that the gradient pushes out, and
    a step is accepted along the projected path if it lowers f enough (Armijo).

    Args:
        fun: maps points :math:`(R', n)` and their row numbers :math:`(R')` to values
            :math:`(R')` and gradients :math:`(R', n)`; called with running rows only.
        x0: starts, :math:`(R, n)`; projected into the box.
        lower, upper: bounds, broadcast to :math:`(R, n)`.
        memory: pairs remembered.
        max_evaluations: most evaluations of a row.
        relative_fall, window: a row has converged when :math:`f - floor` fell by less than this
            share over so many iterations. Float32 cannot honour a tolerance per step.
        floor: a lower bound of f, from which the fall is measured.
        gradient_tolerance: a row is stationary when its projected gradient's 2-norm is no larger.
        micro_batch: rows under way at once, and at most in one call of ``fun``; None is all. A row
            that stops makes room for the next, so memory stays flat in R.

    Raises:
        ConfigError: a lower bound above the upper, or a setting below 1.
        ShapeError: ``x0`` is not a matrix.

    Example:
        >>> def fun(x, rows):
        ...     return (x - 3).square().sum(1), 2 * (x - 3)
        >>> minimize(fun, torch.zeros(2, 4), -1.0, 1.0).x.unique()
        tensor([1.])
    """
    if micro_batch is None:
        micro_batch = max(1, len(x0))
    _check_settings(
        memory=memory, max_evaluations=max_evaluations, window=window, micro_batch=micro_batch
    )
    limits = Limits(max_evaluations, relative_fall, window, floor, gradient_tolerance)
    box = _box(x0, lower, upper)
    if len(x0) == 0:
        empty = x0.new_zeros(0)
        return Minimum(x0, empty, empty, *(empty.long() for _ in range(3)))
    places = min(len(x0), micro_batch)
    descent = Descent(fun, x0.detach(), box, places, memory, limits)
    while descent.running:
        descent.tick()
    return descent.finished


def _check_settings(**settings: int) -> None:
    for name, value in settings.items():
        if value < 1:
            raise ConfigError(f"{name} is {value}, expected at least 1")


def _box(x0: Tensor, lower: Tensor | float, upper: Tensor | float) -> tuple[Tensor, Tensor]:
    if x0.ndim != 2:
        raise ShapeError(f"x0 has shape {tuple(x0.shape)}, expected a matrix (rows, size)")
    low, high = (torch.as_tensor(b, dtype=x0.dtype, device=x0.device) for b in (lower, upper))
    if not bool((low <= high).all()):
        raise ConfigError("a lower bound is above its upper bound: swap them")
    try:
        torch.broadcast_to(low + high, x0.shape)
    except RuntimeError:
        raise ShapeError(
            f"bounds of shapes {tuple(low.shape)} and {tuple(high.shape)}, expected shapes that "
            f"broadcast to x0's {tuple(x0.shape)}"
        ) from None
    return low, high
