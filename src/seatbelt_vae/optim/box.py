"""The geometry of a box: which directions it blocks."""

import torch
from torch import Tensor

__all__ = ["free_coordinates", "project_direction"]


def free_coordinates(
    x: Tensor, gradient: Tensor, lower: Tensor | float, upper: Tensor | float
) -> Tensor:
    """1 where a step against the gradient is not blocked by a bound, else 0; shape of ``x``."""
    low, high = (torch.as_tensor(b, dtype=x.dtype, device=x.device) for b in (lower, upper))
    # the wall ahead; NaN, which equals nothing, where the gradient is 0. In numbers, since passes
    # that yield or take truth values cost several times as much, and every step asks for this
    wall = torch.minimum(torch.maximum(gradient * -torch.inf, low), high)
    return wall.ne_(x)


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
