"""`minimize`: batched L-BFGS over a box, or a ball in a box, with independent rows.

Every row has its own line search and stopping test. Each tick evaluates the next trial point of
every running row, so no row waits for another; rows that have stopped leave the batch.
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

    With a ball, :math:`\|x - c_r\| \leq \rho_r` must hold as well.

    Projected limited-memory BFGS with a two-metric projection (Bertsekas 1982). The direction is
    :math:`-P H P \nabla f`, where P removes coordinates that a bound blocks and, on an active
    sphere, its normal. On the sphere H approximates the inverse Hessian of
    :math:`f + \tfrac\mu2\|x - c\|^2` with the ball's multiplier μ. At the start, and where
    projection turns the direction uphill, the row follows the projected gradient path instead.

    The line search follows the projected path. A step with sufficient decrease (Armijo) is accepted
    at once; any other is shortened. If the slope after a step is still at least 0.9 times the slope
    before it, the row continues from there in the same direction, 9 times as far: the minimum of a
    quadratic is no nearer. The search ends where both Wolfe conditions hold.

    Args:
        fun: maps points :math:`(R', n)` and their row numbers :math:`(R')` to values
            :math:`(R')` and gradients :math:`(R', n)`; called with running rows only.
        x0: start points, :math:`(R, n)`; projected onto the region.
        lower, upper: bounds, broadcast to :math:`(R, n)`.
        center, radius: :math:`c_r` inside the box, broadcast to :math:`(R, n)`, and
            :math:`\rho_r`, one for all rows or :math:`(R)`; omit both for no ball.
        memory: number of L-BFGS pairs per row.
        max_evaluations: largest number of evaluations per row.
        relative_fall, window: a row has converged when ``window`` iterations lower f by less than
            ``relative_fall`` times :math:`f - floor`. Float32 is too coarse for a test per step.
        floor: a lower bound of f, one for all rows or :math:`(R)`.
        negligible: absolute tolerance added to the relative one, one for all rows or :math:`(R)`.
        gradient_tolerance: a row is stationary when the 2-norm of its projected gradient is at most
            this.
        micro_batch: largest number of rows that run at once, and in one call of ``fun``; None for
            all. Memory does not grow with R.

    Raises:
        ConfigError: a lower bound above its upper bound, a ball without its center or radius, a
            center outside the box, a negative radius, or a setting below 1.
        ShapeError: ``x0`` is not a matrix, or shapes do not broadcast to it.

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
