"""The axes of an array of images, inferred from its shape or its name."""

from collections.abc import Iterator
from dataclasses import replace
from math import isqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seatbelt_vae.data.readers.stored_array import StoredArray
from seatbelt_vae.errors import DataError

__all__ = ["LAYOUTS", "channels_first", "image_shape", "layout_of", "unflattened"]

LAYOUTS = ("nhw", "nhwc", "nchw")
"""Layouts of count, height, width and channels; a name such as ``images_nhwc`` states one."""

_CHANNELS = (1, 3)
_MOST_VALUES = 1 << 24
_SMALLEST_SIDE = 8
_MOST_OBLONG = 16  # width over height of images without a stated layout


def layout_of(array: StoredArray) -> str:
    """The layout of an array of images.

    Raises:
        DataError: not a shape of images, or a shape with two possible channel axes.

    Example:
        >>> from pathlib import Path
        >>> import numpy as np
        >>> shape = (9, 32, 32, 3)
        >>> layout_of(StoredArray(Path("a.npz"), "x", shape, np.dtype("u1"), lambda: iter(())))
        'nhwc'
    """
    shape = array.shape
    stated = array.name.lower().rpartition("_")[2]
    if stated in LAYOUTS:
        fitting = [stated] if len(stated) == len(shape) else []
    else:
        fitting = [layout for layout in LAYOUTS if len(layout) == len(shape)]
    fitting = [layout for layout in fitting if _channels(shape, layout) in _CHANNELS]
    if stated not in LAYOUTS and _images_last(shape):
        raise _bad(
            array,
            "which looks like images along the last axis: move it to the front with "
            "np.moveaxis(array, -1, 0), or keep it in an .npz file under the name images_nhw",
        )
    if len(fitting) == 1 and min(shape[1:]) > 0:
        return fitting[0]
    if len(fitting) > 1:
        raise _bad(
            array,
            "which may be (N, C, H, W) or (N, H, W, C): keep it in an .npz file under the name "
            "images_nchw or images_nhwc",
        )
    advice = ": leave the fourth channel out if it is opaque" if 4 in shape[1:] else ""
    raise _bad(
        array, f"expected (N, H, W), (N, H, W, C) or (N, C, H, W) with 1 or 3 channels{advice}"
    )


def unflattened(array: StoredArray) -> tuple[StoredArray, tuple[str, ...]]:
    """Rows of bytes as square images, (N, s²) as (N, s, s) and (N, 3s²) as (N, 3, s, s).

    Other arrays stay as they are: a square array may be one picture, and s is at least 8. The note
    states the shape.

    Example:
        >>> from pathlib import Path
        >>> import numpy as np
        >>> rows = StoredArray(Path("a.npy"), "", (9, 784), np.dtype("u1"), lambda: iter(()))
        >>> unflattened(rows)[0].shape
        (9, 28, 28)
    """
    if len(array.shape) != 2 or array.dtype != np.uint8 or array.shape[0] == array.shape[1]:
        return array, ()
    values = array.shape[1]
    sides = {channels: isqrt(values // channels) for channels in _CHANNELS}
    for channels, side in sides.items():
        if side >= _SMALLEST_SIDE and channels * side * side == values:
            shape = (side, side) if channels == 1 else (channels, side, side)
            note = f"rows of {values:,} bytes are read as images {'×'.join(map(str, shape))}"
            return _reshaped(array, shape), (note,)
    return array, ()


def _reshaped(array: StoredArray, shape: tuple[int, ...]) -> StoredArray:
    def blocks() -> Iterator[NDArray[Any]]:
        return (block.reshape(-1, *shape) for block in array.blocks())

    return replace(array, shape=(array.shape[0], *shape), blocks=blocks)


def image_shape(array: StoredArray, layout: str) -> tuple[int, int, int]:
    """The shape (C, H, W) of one image.

    Raises:
        DataError: images above the size limit.
    """
    sides = dict(zip(layout, array.shape, strict=True))
    shape = (sides.get("c", 1), sides["h"], sides["w"])
    if shape[0] * shape[1] * shape[2] > _MOST_VALUES:
        raise _bad(array, f"expected images of at most {_MOST_VALUES:,} values: shrink them")
    return shape


def channels_first(images: NDArray[np.uint8], layout: str) -> NDArray[np.uint8]:
    """Transpose images of a layout to (B, C, H, W).

    Example:
        >>> channels_first(np.zeros((2, 5, 4, 3), np.uint8), "nhwc").shape
        (2, 3, 5, 4)
    """
    if layout == "nhw":
        return images[:, None]
    return images.transpose([layout.index(axis) for axis in "nchw"])


def _channels(shape: tuple[int, ...], layout: str) -> int:
    return dict(zip(layout, shape, strict=True)).get("c", 1)


def _images_last(shape: tuple[int, ...]) -> bool:
    """Whether a shape is (H, W, N) with many more images than rows, or (H, W, C, N)."""
    if len(shape) == 4:
        return shape[2] in _CHANNELS and shape[3] not in _CHANNELS and shape[1] not in _CHANNELS
    return len(shape) == 3 and shape[0] == shape[1] and shape[2] > _MOST_OBLONG * shape[1]


def _bad(array: StoredArray, reason: str) -> DataError:
    name = array.name or "its array"
    return DataError(f"{array.path}: {name} has shape {array.shape}, {reason}")
