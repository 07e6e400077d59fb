"""Decoding of picture files to pixels of a given size, with limits on their size."""

import io
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from seatbelt_vae.errors import DataError

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["is_colour", "opened_picture", "pixels_of"]

_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM")
_MOST_PIXELS = 1 << 26
_WHITE_16 = (1 << 16) - 1
_GREY = {"1", "L", "LA", "I;16", "I;16B", "I;16L", "I"}
_DAMAGES = (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error, RuntimeError)


def is_colour(content: bytes) -> bool:
    """Whether a picture is in colour, from its header.

    Raises:
        DataError: not a picture, or too many pixels.
    """
    with opened_picture(content) as picture:
        return picture.mode not in _GREY


def pixels_of(
    content: bytes, channels: int, side: int, *, middle: float = 1.0, by: str = "LANCZOS"
) -> NDArray[np.uint8]:
    """The central square of a picture, resized to (C, side, side) bytes.

    Args:
        content: content of the picture file.
        channels: 3 for red, green and blue, 1 for grey.
        side: side of the result in pixels.
        middle: side of the square as a fraction of the shorter side of the picture.
        by: name of a resampling filter of Pillow.

    Raises:
        DataError: a damaged, transparent or animated picture, or too many pixels.
    """
    from PIL import Image, ImageOps

    with opened_picture(content) as picture:
        if (frames := getattr(picture, "n_frames", 1)) > 1:
            raise DataError(f"it has {frames} frames, expected 1")
        upright = ImageOps.exif_transpose(picture)
        if _is_see_through(upright):
            raise DataError("it is see-through, expected every pixel to be opaque")
        plain = _eight_bit(upright).convert("RGB" if channels == 3 else "L")
        # crop before resizing, so that no pixel outside the square is mixed in
        cut = plain.crop(_middle(plain, middle))
        fitted = cut.resize((side, side), Image.Resampling[by])
        return np.asarray(fitted).reshape(side, side, channels).transpose(2, 0, 1)


def _middle(picture: "Image", share: float) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of the central square."""
    side = max(1, round(share * min(picture.size)))
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    return left, top, left + side, top + side


def _is_see_through(picture: "Image") -> bool:
    if not picture.has_transparency_data:
        return False
    lowest, _ = picture.convert("RGBA").getchannel("A").getextrema()
    return lowest != 255


def _eight_bit(picture: "Image") -> "Image":
    """Convert 16-bit pixels to 8 bits; Pillow would clip values above 255.

    Raises:
        DataError: values outside 0 … 65,535, or floats.
    """
    from PIL import Image

    if picture.mode == "F":
        raise DataError("its pixels are floats, expected 8 or 16 bits")
    if not picture.mode.startswith("I"):
        return picture
    values = np.asarray(picture)
    smallest, largest = int(values.min()), int(values.max())
    if smallest < 0 or largest > _WHITE_16:
        raise DataError(
            f"its pixels go from {smallest} to {largest}, expected 8 or 16 bits: 0 to {_WHITE_16}"
        )
    return Image.fromarray(np.rint(values / 257).astype(np.uint8))


@contextmanager
def opened_picture(content: bytes) -> Iterator["Image"]:
    """Open a picture of a supported format and size; Pillow errors in the block become DataError.

    Raises:
        DataError: not a picture, too many pixels, or damaged.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(content), formats=_FORMATS) as picture:
                if picture.width * picture.height > _MOST_PIXELS:
                    raise DataError(
                        f"it has {picture.width}×{picture.height} pixels, expected at most "
                        f"{_MOST_PIXELS:,}"
                    )
                yield picture
    except UnidentifiedImageError:
        raise DataError(f"it is no picture of a known format ({', '.join(_FORMATS)})") from None
    except Image.DecompressionBombError as error:
        raise DataError(f"it has far too many pixels: {error}") from error
    except _DAMAGES as error:
        raise DataError(f"it is damaged: {error}") from error
