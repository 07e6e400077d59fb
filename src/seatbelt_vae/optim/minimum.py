"""What a minimisation returns: the best point of every row, and how its descent ended."""

from dataclasses import dataclass
from enum import IntEnum

from torch import Tensor

__all__ = ["Minimum", "Status"]


class Status(IntEnum):
    """How the descent of a row ended."""

    RUNNING = 0
    """Not yet; never in a result."""
    CONVERGED = 1
    """The value fell by less than the tolerance over several iterations."""
    STATIONARY = 2
    """The projected gradient is no larger than its tolerance."""
    LINE_SEARCH_FAILED = 3
    """No step along the gradient itself lowers the value: rounding, noise or a kink."""
    EVALUATION_LIMIT = 4
    """The allowed evaluations are spent."""
    NOT_FINITE = 5
    """The value or the gradient at the start is not a number."""


@dataclass(frozen=True)
class Minimum:
    """The best point seen in every row.

    Args:
        x: :math:`(R, n)`, inside the bounds.
        value: the function there, :math:`(R)`.
        gradient_norm: the 2-norm of the projected gradient there, :math:`(R)`; NaN in rows that
            were never finite.
        status: a `Status` for each row, :math:`(R)`.
        evaluations: how often the function was asked, :math:`(R)`.
        iterations: how many steps were taken, :math:`(R)`.
    """

    x: Tensor
    value: Tensor
    gradient_norm: Tensor
    status: Tensor
    evaluations: Tensor
    iterations: Tensor
