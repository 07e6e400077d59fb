"""Quality of reconstructions: unexplained variance, and overlap of binary shapes."""

import torch
from torch import Tensor

__all__ = ["intersection_over_union", "is_binary", "unexplained_variance"]

_BINARY = 1e-6


def unexplained_variance(x: Tensor, reconstruction: Tensor) -> float:
    r""":math:`\sum_n\|x_n-\hat x_n\|^2 / \sum_n\|x_n-\bar x\|^2`, with the mean image of ``x``.

    0 is perfect, 1 is no better than the mean image; nan if all images are equal.

    Args:
        x: images :math:`(B, C, H, W)`.
        reconstruction: of the same shape.

    Example:
        >>> x = torch.tensor([-1.0, 1.0]).reshape(2, 1, 1, 1)
        >>> unexplained_variance(x, 0.5 * x)
        0.25
    """
    x, reconstruction = x.double(), reconstruction.double()
    error = (x - reconstruction).square().sum()
    spread = (x - x.mean(dim=0)).square().sum()
    return (error / spread).item()


def is_binary(x: Tensor, bounds: tuple[float, float]) -> bool:
    """Whether every pixel is at one of the bounds, as in dSprites."""
    low, high = bounds
    nearest = torch.minimum((x - low).abs(), (x - high).abs())
    return bool(((nearest <= _BINARY * (high - low)) & nearest.isfinite()).all())


def intersection_over_union(
    x: Tensor, reconstruction: Tensor, bounds: tuple[float, float] | None
) -> float | None:
    r"""Mean over images of :math:`|A\cap B|/|A\cup B|` of the pixels above mid-range.

    :math:`A = \{x > m\}`, :math:`B = \{\hat x > m\}`; the ratio is 1 if both are empty.

    Args:
        x: images :math:`(B, C, H, W)`.
        reconstruction: of the same shape.
        bounds: the smallest and the largest value of a pixel; None if there are none.

    Returns:
        None if the images are not binary: a threshold would then be arbitrary.

    Example:
        >>> x = torch.tensor([[[[1.0, 1.0, -1.0]]]])
        >>> intersection_over_union(x, x.roll(1), (-1.0, 1.0)) == 1 / 3
        True
    """
    if bounds is None or not is_binary(x, bounds):
        return None
    middle = sum(bounds) / 2
    a, b = x > middle, reconstruction > middle
    both = (a & b).sum(dim=(1, 2, 3)).double()
    either = (a | b).sum(dim=(1, 2, 3)).double()
    overlap = torch.where(either > 0, both / either.clamp_min(1), 1.0)
    return overlap.mean().item()
