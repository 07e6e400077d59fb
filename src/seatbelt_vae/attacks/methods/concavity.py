"""Levels whose Δ cannot be lowered, because Δ*(λ) is concave between two known minima."""

import torch
from torch import Tensor

__all__ = ["near_chord"]


def near_chord(levels: Tensor, values: Tensor, known: Tensor, tolerance: Tensor) -> Tensor:
    r"""Levels whose value is within the tolerance of a chord of known minima, boolean (P, W).

    Under a penalty :math:`\Delta^*(\lambda) = \min_d r + \lambda\|d\|` is a minimum of affine
    functions, hence concave: it lies on or above the chord of any two of its points. If a value is
    at most the tolerance above a chord, a descent lowers it by at most the tolerance.

    Args:
        levels: λ, ascending, :math:`(P, W)`.
        values: the smallest :math:`\Delta` known, :math:`(P, W)`.
        known: whether that is a minimum, boolean, :math:`(P, W)`.
        tolerance: :math:`(P, W)`.

    Example:
        >>> levels = torch.tensor([[1.0, 2.0, 3.0, 4.0]])
        >>> known = torch.tensor([[True, False, True, False]])
        >>> near_chord(levels, torch.tensor([[1.0, 2.1, 3.0, 3.5]]), known, torch.tensor(0.2))
        tensor([[False,  True, False, False]])
    """
    count, width = values.shape
    index = torch.arange(width, device=values.device).expand_as(values)
    outside = index.new_full((count, 1), -1), index.new_full((count, 1), width)
    up_to = torch.where(known, index, -1).cummax(dim=1).values
    from_on = torch.where(known, index, width).flip(1).cummin(dim=1).values.flip(1)
    left = torch.cat([outside[0], up_to[:, :-1]], dim=1)
    right = torch.cat([from_on[:, 1:], outside[1]], dim=1)
    between = (left >= 0) & (right < width)
    left, right = left.clamp_min(0), right.clamp_max(width - 1)
    start, end = levels.gather(1, left), levels.gather(1, right)
    chord = torch.lerp(
        values.gather(1, left), values.gather(1, right), (levels - start) / (end - start)
    )
    return between & (values - chord <= tolerance)
