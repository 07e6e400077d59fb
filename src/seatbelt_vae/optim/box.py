"""The geometry of a box: which directions it blocks."""

import torch
from torch import Tensor

__all__ = ["free_coordinates", "project_direction"]


def free_coordinates(
    x: Tensor, gradient: Tensor, lower: Tensor | float, upper: Tensor | float
) -> Tensor:
    """Where a step against the gradient is not blocked by a bound, boolean, shape of ``x``."""
    # in the fewest passes, as every step of every row asks for it
    open_ways = torch.where(gradient > 0, x > lower, x < upper)
    return open_ways.logical_or_(gradient == 0)


def project_direction(
    direction: Tensor, x: Tensor, lower: Tensor | float, upper: Tensor | float
) -> Tensor:
    """The direction's projection on the box's tangent cone at ``x``.

    A component is 0 where ``x`` is at a bound and the direction leads out of the box.

    Example:
        >>> import torch
        >>> x = torch.tensor([-1.0, 0.0, 1.0])
        >>> project_direction(torch.tensor([-2.0, -2.0, -2.0]), x, -1.0, 1.0)
        tensor([-0., -2., -2.])
    """
    return direction * free_coordinates(x, -direction, lower, upper)
