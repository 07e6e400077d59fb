"""Minimise a function over a box or a ball in it, thousands of independent rows at a time.

Every row has its own line search and stops on its own; at each tick every running row evaluates its
own next trial point, whether that begins an iteration, backtracks or goes on, so that no row waits
for another. Rows that have stopped leave the batch.
"""

from torch import Tensor

from seatbelt_vae.optim.descent import Descent, Function, Limits, check_settings
from seatbelt_vae.optim.minimum import Minimum
from seatbelt_vae.optim.region import region_of

__all__ = ["minimize"]


def minimize(
    fun: Function,
    x0: Tensor,
    lower: Tensor | float,
    upper: Tensor | float,
    *,
    center: Tensor | None = None,
    radius: Tensor | float | None = None,
    memory: int = 10,
    max_evaluations: int = 500,
    relative_fall: float = 1e-4,
    window: int = 10,
    floor: float | Tensor = 0.0,
    negligible: float | Tensor = 0.0,
    gradient_tolerance: float = 0.0,
    micro_batch: int | None = None,
) -> Minimum:
    r"""Minimise :math:`f_r(x)` over :math:`lower \le x \le upper` for every row :math:`r`.

    With a ball, over the part of the box where also :math:`\|x - c_r\| \leq \rho_r`.

    Projected limited-memory BFGS with a two-metric projection (Bertsekas 1982): the direction is
    :math:`-P H P \nabla f` with P off the coordinates at a bound that the gradient pushes out and,
    at the rim of a ball that it pushes against, along the rim; there H learns the curvature of
    :math:`f + \tfrac\mu2\|x - c\|^2` with the ball's multiplier μ. Where the region bends that
    direction uphill, and at the start, the projected gradient path is walked instead.

    The line search walks the projected path. A step that lowers f enough (Armijo) is taken at once,
    one that does not is shortened; and where f still falls at least 0.9 times as steeply after a
    step, the row goes on from there in the same direction, 9 times as far: a quadratic would have
    its minimum no nearer. So it ends where both of Wolfe's conditions hold, and a point that lowers
    f is never given back.

    Args:
        fun: maps points :math:`(R', n)` and their row numbers :math:`(R')` to values
            :math:`(R')` and gradients :math:`(R', n)`; called with running rows only.
        x0: starts, :math:`(R, n)`; projected into the region.
        lower, upper: bounds, broadcast to :math:`(R, n)`.
        center, radius: :math:`c_r` inside the box, broadcast to :math:`(R, n)`, and
            :math:`\rho_r`, one for all rows or :math:`(R)`; neither for no ball.
        memory: pairs remembered.
        max_evaluations: most evaluations of a row.
        relative_fall, window: a row has converged when :math:`f - floor` fell by less than this
            share over so many iterations. Float32 cannot honour a tolerance per step.
        floor: a lower bound of f, from which the fall is measured, one for all rows or :math:`(R)`.
        negligible: a fall over so many iterations that is too small to matter whatever f is, one
            for all rows or :math:`(R)`.
        gradient_tolerance: a row is stationary when its projected gradient's 2-norm is no larger.
        micro_batch: rows under way at once, and at most in one call of ``fun``; None is all. A row
            that stops makes room for the next, so memory stays flat in R.

    Raises:
        ConfigError: a lower bound above the upper, a ball that lacks its center or radius or has
            them outside the box or below 0, or a setting below 1.
        ShapeError: ``x0`` is not a matrix, or shapes that do not broadcast to it.

    Example:
        >>> import torch
        >>> def fun(x, rows):
        ...     return (x - 3).square().sum(1), 2 * (x - 3)
        >>> minimize(fun, torch.zeros(2, 4), -1.0, 1.0).x.unique()
        tensor([1.])
        >>> ball = {"center": torch.zeros(2, 4), "radius": 1.0}
        >>> minimize(fun, torch.zeros(2, 4), -1.0, 1.0, **ball).x.norm(dim=1)
        tensor([1., 1.])
    """
    if micro_batch is None:
        micro_batch = max(1, len(x0))
    check_settings(
        memory=memory, max_evaluations=max_evaluations, window=window, micro_batch=micro_batch
    )
    limits = Limits(max_evaluations, relative_fall, window, floor, negligible, gradient_tolerance)
    region = region_of(x0, lower, upper, center, radius)
    if len(x0) == 0:
        empty = x0.new_zeros(0)
        return Minimum(x0, empty, empty, *(empty.long() for _ in range(3)))
    places = min(len(x0), micro_batch)
    descent = Descent(fun, x0.detach(), region, places, memory, limits)
    while descent.running:
        descent.tick()
    return descent.finished
