"""Stored values of pictures of every depth, and their conversion to 8 bits."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from seatbelt_vae.config import ReadingConfig
from seatbelt_vae.data.level_use import Levels
from seatbelt_vae.errors import DataError

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["GREY_MODES", "Depth", "levels_of", "to_bytes"]

GREY_MODES = {"1", "L", "LA", "I", "I;16", "I;16B", "I;16L", "F"}
_UNCONVERTIBLE = {"LAB", "HSV"}
_BITS_PER_SAMPLE, _PHOTOMETRIC, _SAMPLE_FORMAT = 258, 262, 339
_MIN_IS_WHITE, _SIGNED = 0, 2
_BAND = 64


@dataclass(frozen=True)
class Depth:
    """The type of the values of a picture, read from its header before its pixels.

    Args:
        bits: bits per value.
        signed: the values are signed integers.
        inverted: the smallest value is white and Pillow has not inverted it.
    """

    bits: int
    signed: bool = False
    inverted: bool = False

    @classmethod
    def of(cls, picture: "Image") -> Self:
        """Read the depth of an opened picture."""
        deep = picture.mode[0] in "IF"
        tags = getattr(picture, "tag_v2", None)
        if tags is None:
            return cls(16 if deep else 8)
        bits = max(tags.get(_BITS_PER_SAMPLE, (1,)))
        signed = _SIGNED in tags.get(_SAMPLE_FORMAT, ())
        inverted = deep and tags.get(_PHOTOMETRIC) == _MIN_IS_WHITE
        return cls(bits if deep or signed else 8, signed, inverted)

    @property
    def white(self) -> float:
        """The value shown as white unless the settings state another; 32 bits are read as 16."""
        if self.bits > 16:
            return (1 << 16) - 1
        return (1 << self.bits - self.signed) - 1


def levels_of(
    picture: "Image", depth: Depth, channels: int, reading: ReadingConfig
) -> tuple["Image", Levels]:
    """A picture without its alpha channel, converted to 8 bits, and its stored values.

    Returns:
        A picture of mode L or RGB, and the values before the conversion.

    Raises:
        DataError: values outside the range of their type, or a colour space without conversion.
    """
    if picture.mode in _UNCONVERTIBLE:
        raise DataError(f"its colour space is {picture.mode}, expected grey, RGB or CMYK")
    if picture.mode[0] in "IF" or depth.signed:
        grey, levels = _deep(picture, depth, reading)
        return grey.convert("RGB" if channels == 3 else "L"), _repeated(levels, channels)
    plain = picture if picture.mode in GREY_MODES else picture.convert("RGB")
    plain = plain.convert("RGB" if channels == 3 else "L")
    black, white = _chosen(reading, 255)
    if min(black, white) < 0 or max(black, white) > 255:
        raise DataError(
            f"its values have 8 bits, black is {black:g} and white is {white:g}: expected levels "
            f"from 0 to 255"
        )
    extrema: Any = plain.getextrema()
    levels = Levels("8 bits", black, white, extrema if channels == 3 else (extrema,))
    if (black, white) != (0, 255):
        table = to_bytes(np.arange(256), black, white).tolist()
        plain = plain.point(table * channels)
    return plain, levels


def to_bytes(values: NDArray[Any], black: float, white: float) -> NDArray[np.uint8]:
    """Map black … white to 0 … 255, rounded to nearest and clipped.

    Example:
        >>> to_bytes(np.array([-5, 0, 10, 20, 30]), 0, 20).tolist()
        [0, 0, 128, 255, 255]
    """
    scaled = (values.astype(np.float64) - black) / ((white - black) / 255)
    levels: NDArray[np.uint8] = np.rint(scaled.clip(0, 255)).astype(np.uint8)
    return levels


def _deep(picture: "Image", depth: Depth, reading: ReadingConfig) -> tuple["Image", Levels]:
    """Convert a grey picture of other values than bytes."""
    from PIL import Image

    values = _stored(picture, depth)
    floats = values.dtype.kind == "f"
    black, white = _chosen(reading, 1 if floats else depth.white)
    low, high = values.min().item(), values.max().item()
    if not np.isfinite([low, high]).all():
        raise DataError("its pixels are not all finite: save it without NaN and infinity")
    kind = "floats" if floats else f"{'signed ' * depth.signed}{depth.bits} bits"
    unstated = reading.black is None and reading.white is None
    if unstated and not (low >= 0 and high <= white):
        expected = kind if floats or (depth.signed and depth.bits <= 16) else "8 or 16 bits"
        raise DataError(
            f"its pixels go from {low} to {high}, expected {expected}: 0 to {white:g}; state the "
            f"values of black and white"
        )
    grey = np.empty(values.shape, np.uint8)
    # in bands of rows, because the conversion takes 8 bytes per value
    for start in range(0, len(grey), _BAND):
        grey[start : start + _BAND] = to_bytes(values[start : start + _BAND], black, white)
    return Image.fromarray(grey), Levels(kind, black, white, ((low, high),))


def _stored(picture: "Image", depth: Depth) -> NDArray[Any]:
    """The values as the file means them; Pillow has some of them in another type."""
    values = np.asarray(picture)
    if depth.signed and depth.bits == 8:
        return values.view(np.int8)
    if depth.bits == 32 and not depth.signed and values.dtype == np.int32:
        return values.view(np.uint32)
    if not depth.inverted:
        return values
    if values.dtype.kind == "f":
        raise DataError("its pixels are floats whose smallest is white: save it as MinIsBlack")
    inverted: NDArray[Any] = np.uint16(depth.white) - values
    return inverted


def _chosen(reading: ReadingConfig, white: float) -> tuple[float, float]:
    """Black and white of the settings, or by type."""
    levels = (
        0 if reading.black is None else reading.black,
        white if reading.white is None else reading.white,
    )
    if levels[0] == levels[1]:
        raise DataError(f"black and white are both {levels[0]:g}: give both levels")
    return levels


def _repeated(levels: Levels, channels: int) -> Levels:
    return levels._replace(extrema=levels.extrema * channels)
