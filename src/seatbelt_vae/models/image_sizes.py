"""The resolutions of image networks: each stage halves the sides, down to at least 4 pixels."""

import math
from collections.abc import Sequence

from torch import Tensor

__all__ = ["coarsest", "cropped", "padding", "stage_widths", "stages"]


def stages(height: int, width: int) -> int:
    r""":math:`\lfloor\log_2(\min(H, W)/4)\rfloor`."""
    return int(math.log2(min(height, width) / 4))


def stage_widths(filters: Sequence[int], count: int) -> list[int]:
    """The channels of every stage; further stages repeat the last."""
    return [filters[min(stage, len(filters) - 1)] for stage in range(count)]


def coarsest(height: int, width: int) -> tuple[int, int]:
    """Rows and columns after the last stage."""
    step = 2 ** stages(height, width)
    return -(-height // step), -(-width // step)


def padding(height: int, width: int) -> tuple[int, int, int, int]:
    """Left, right, top and bottom, to sides that every stage can halve."""
    step = 2 ** stages(height, width)
    rows, columns = -height % step, -width % step
    return (columns // 2, columns - columns // 2, rows // 2, rows - rows // 2)


def cropped(image: Tensor, height: int, width: int) -> Tensor:
    """The inside of images :math:`(B, C, *)` of padded sides, :math:`(B, C, H, W)`."""
    left, _, top, _ = padding(height, width)
    return image[..., top : top + height, left : left + width]
