r"""`minimize`: batched L-BFGS over a box, or a ball in a box, with independent rows.

Every row has its own line search and stopping test. Each tick evaluates the next trial point of
every running row, so no row waits for another; rows that have stopped leave the batch.

Projected limited-memory BFGS with a two-metric projection (Bertsekas 1982). The direction is
:math:`-P H P \nabla f`, where P removes coordinates that a bound blocks and, on an active sphere,
its normal. On the sphere H approximates the inverse Hessian of :math:`f + \tfrac\mu2\|x - c\|^2`
with the ball's multiplier μ. At the start, and where projection turns the direction uphill, the row
follows the projected gradient path instead.

The line search follows the projected path. A step with sufficient decrease (Armijo) is accepted at
once; any other is shortened. If the slope after a step is still at least 0.9 times the slope before
it, the row continues from there in the same direction, 9 times as far: the minimum of a quadratic
is no nearer. The search ends where both Wolfe conditions hold.
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
    r"""Minimise :math:`f_r(x)` for every row :math:`r`, over a box or a ball in a box.

    .. math:: \min f_r(x) \quad\text{with}\quad lower \le x \le upper,\ \|x - c_r\| \leq \rho_r

    Args:
        fun: maps points :math:`(R', n)` and row numbers :math:`(R')` to values and gradients.
        x0: start points, :math:`(R, n)`; projected onto the region.
        lower, upper: bounds, broadcast to :math:`(R, n)`.
        center, radius: :math:`c_r`, :math:`(R, n)`, and :math:`\rho_r`, :math:`(R)`, both
            broadcast; None for no ball.
        memory: number of L-BFGS pairs per row.
        max_evaluations, relative_fall, window, floor, negligible, gradient_tolerance: when a row
            stops, as in `Limits`.
        micro_batch: largest number of rows per call of ``fun``; None for all.

    Raises:
        ConfigError: crossed bounds, half a ball, a center outside the box, or a setting below 1.
        ShapeError: ``x0`` is not a matrix, or shapes do not broadcast to it.

    Source: Bertsekas (1982).

    Example:
        >>> import torch
        >>> def fun(x, rows):
        ...     return (x - 3).square().sum(1), 2 * (x - 3)
        >>> minimize(fun, torch.zeros(2, 4), -1.0, 1.0, center=torch.zeros(4), radius=1.0).x.max()
        tensor(0.5000)
    """
    micro_batch = max(1, len(x0)) if micro_batch is None else micro_batch
    check_settings(memory=memory, micro_batch=micro_batch)
    limits = Limits(max_evaluations, relative_fall, window, floor, negligible, gradient_tolerance)
    region = region_of(x0, lower, upper, center, radius)
    return Descent(fun, x0.detach(), region, min(len(x0), micro_batch), memory, limits).run()
