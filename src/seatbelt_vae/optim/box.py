"""Directions that a box leaves free."""

import torch
from torch import Tensor

__all__ = ["free_coordinates", "project_direction"]


def free_coordinates(
    x: Tensor, gradient: Tensor, lower: Tensor | float, upper: Tensor | float
) -> Tensor:
    """1 where no bound blocks a step against the gradient, else 0; shape of ``x``."""
    low, high = (torch.as_tensor(b, dtype=x.dtype, device=x.device) for b in (lower, upper))
    # the bound in the descent direction; NaN where the gradient is 0, and NaN differs from any x.
    # Floats instead of booleans: boolean operations take several times as long
    bound = torch.minimum(torch.maximum(gradient * -torch.inf, low), high)
    return bound.ne_(x)


def project_direction(
    direction: Tensor, x: Tensor, lower: Tensor | float, upper: Tensor | float
) -> Tensor:
    """Project a direction onto the box's tangent cone at ``x``.

    A component becomes 0 where ``x`` is at a bound and the direction points out of the box.

    Example:
        >>> import torch
        >>> x = torch.tensor([-1.0, 0.0, 1.0])
        >>> project_direction(torch.tensor([-2.0, -2.0, -2.0]), x, -1.0, 1.0)
        tensor([-0., -2., -2.])
    """
    return direction * free_coordinates(x, -direction, lower, upper)
