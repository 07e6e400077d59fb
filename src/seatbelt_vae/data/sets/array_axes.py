"""The axes of an array of images, inferred from its shape or its name."""

import numpy as np
from numpy.typing import NDArray

from seatbelt_vae.data.readers.stored_array import StoredArray
from seatbelt_vae.errors import DataError

__all__ = ["LAYOUTS", "channels_first", "image_shape", "layout_of"]

LAYOUTS = ("nhw", "nhwc", "nchw")
"""Layouts of count, height, width and channels; a name such as ``images_nhwc`` states one."""

_CHANNELS = (1, 3)
_MOST_VALUES = 1 << 24


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
    if len(fitting) == 1 and min(shape[1:]) > 0:
        return fitting[0]
    if len(fitting) > 1:
        raise _bad(
            array,
            "which may be (N, C, H, W) or (N, H, W, C): keep it in an .npz file under the name "
            "images_nchw or images_nhwc",
        )
    raise _bad(array, "expected (N, H, W), (N, H, W, C) or (N, C, H, W) with 1 or 3 channels")


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


def _bad(array: StoredArray, reason: str) -> DataError:
    name = array.name or "its array"
    return DataError(f"{array.path}: {name} has shape {array.shape}, {reason}")
