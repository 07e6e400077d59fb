"""What concavity says of the levels between two whose minima are known."""

import torch
from torch import Tensor

__all__ = ["on_a_chord"]


def on_a_chord(levels: Tensor, values: Tensor, known: Tensor, tolerance: Tensor) -> Tensor:
    r"""Levels whose value is within the tolerance of a chord between known ones, (P, W), boolean.

    Under a penalty :math:`\Delta^*(\lambda) = \min_d r + \lambda\|d\|` is a minimum of affine
    functions, hence concave: it lies on or above the chord of any two of its points. A value no
    more than the tolerance above the chord cannot be lowered by more, so no descent is worth it.

    Args:
        levels: λ, ascending, :math:`(P, W)`.
        values: the smallest :math:`\Delta` known, :math:`(P, W)`.
        known: where that is a minimum, boolean, :math:`(P, W)`.
        tolerance: :math:`(P, W)`.

    Example:
        >>> levels = torch.tensor([[1.0, 2.0, 3.0, 4.0]])
        >>> known = torch.tensor([[True, False, True, False]])
        >>> on_a_chord(levels, torch.tensor([[1.0, 2.1, 3.0, 3.5]]), known, torch.tensor(0.2))
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
