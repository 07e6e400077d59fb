"""The result of a minimisation: the best point of every row and the status of its descent."""

from dataclasses import dataclass
from enum import IntEnum

from torch import Tensor

__all__ = ["Minimum", "Status"]


class Status(IntEnum):
    """The end of a row's descent."""

    RUNNING = 0
    """Not ended; never in a result."""
    CONVERGED = 1
    """The value decreased by less than the tolerance over several iterations."""
    STATIONARY = 2
    """The projected gradient is no larger than its tolerance."""
    LINE_SEARCH_FAILED = 3
    """No step along the gradient itself lowers the value: rounding, noise or a kink."""
    EVALUATION_LIMIT = 4
    """The row reached its largest number of evaluations."""
    NOT_FINITE = 5
    """The value or the gradient at the start is not finite."""


@dataclass(frozen=True)
class Minimum:
    """The best point seen in every row.

    Args:
        x: :math:`(R, n)`, inside the bounds.
        value: the function there, :math:`(R)`.
        gradient_norm: the 2-norm of the projected gradient there, :math:`(R)`; NaN in rows that
            were never finite.
        status: a `Status` for each row, :math:`(R)`.
        evaluations: number of function evaluations, :math:`(R)`.
        iterations: number of accepted steps, :math:`(R)`.
    """

    x: Tensor
    value: Tensor
    gradient_norm: Tensor
    status: Tensor
    evaluations: Tensor
    iterations: Tensor
