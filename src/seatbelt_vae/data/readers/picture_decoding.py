"""Decoding of picture files to pixels of a given size, with limits on their size."""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seatbelt_vae.config import ReadingConfig
from seatbelt_vae.data.level_use import Levels
from seatbelt_vae.data.readers.picture_levels import GREY_MODES, Depth, levels_of
from seatbelt_vae.data.readers.transparency import (
    alpha_of,
    correct_transparent_value,
    on_background,
)
from seatbelt_vae.errors import DataError

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["Decoded", "decoded", "is_colour", "opened_picture"]

_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM")
_MOST_PIXELS = 1 << 26
_SUBFILE_TYPE, _REDUCED = 254, 1
_GREY_IN_16_BITS = "LA;16B"
_SRGB = (b"sRGB", "sRGB".encode("utf-16-be"))


class Decoded(NamedTuple):
    """A decoded picture.

    Args:
        pixels: bytes (C, H, W).
        levels: the stored values.
        remarks: notes on examples that were left out or added.
    """

    pixels: NDArray[np.uint8]
    levels: Levels
    remarks: tuple[str, ...] = ()

    @property
    def equal_channels(self) -> bool:
        """Whether red, green and blue are equal."""
        return len(self.pixels) == 3 and bool((self.pixels == self.pixels[:1]).all())


def is_colour(content: bytes, reading: ReadingConfig) -> bool:
    """Whether a picture is in colour, by its format; a palette of greys is grey.

    The pixels are read where the format alone does not tell. A picture that `decoded` refuses for
    its transparency or its frames is refused here too.

    Raises:
        DataError: as `decoded`.
    """
    from PIL import Image

    with opened_picture(content) as picture:
        tiles = getattr(picture, "tile", ())
        # Pillow has no mode for grey with alpha in 16 bits, and the others have none for grey
        by_pixels = picture.mode in ("P", "PA") or picture.format == "WEBP"
        by_pixels |= any(_GREY_IN_16_BITS in str(tile.args) for tile in tiles)
        list(_frame_remarks(picture, reading))
        correct_transparent_value(picture)
        if (alpha := alpha_of(picture)) is not None:
            behind = on_background(Image.new("RGB", picture.size), alpha, reading.background)
            if _has_colour(behind):
                return True
        if picture.mode in GREY_MODES:
            return False
        return not by_pixels or _has_colour(picture.convert("RGB"))


def decoded(
    content: bytes,
    channels: int,
    side: int,
    reading: ReadingConfig,
    *,
    middle: float | None = 1.0,
    by: str = "LANCZOS",
) -> Decoded:
    """The central square of a picture, or all of it, resized to (C, side, side) bytes.

    Args:
        content: content of the picture file.
        channels: 3 for red, green and blue, 1 for grey.
        side: side of the result in pixels.
        reading: the background, the levels of black and white, and the treatment of frames.
        middle: side of the square as a fraction of the shorter side of the picture; None keeps the
            whole picture, which is stretched.
        by: name of a resampling filter of Pillow.

    Raises:
        DataError: a damaged picture, too many pixels, or transparency, frames or values that
            need a setting.
    """
    from PIL import Image, ImageOps

    with opened_picture(content) as picture:
        remarks = [*_frame_remarks(picture, reading), *_profile_remarks(picture)]
        correct_transparent_value(picture)
        depth = Depth.of(picture)
        upright = ImageOps.exif_transpose(picture)
        alpha = alpha_of(upright)
        plain, levels = levels_of(upright, depth, channels, reading)
        if alpha is not None:
            plain = on_background(plain, alpha, reading.background)
            remarks.append(f"transparent, laid on the background {reading.background}")
        # crop before resizing, so that no pixel outside the square is mixed in
        cut = plain if middle is None else plain.crop(_middle(plain, middle))
        fitted = cut.resize((side, side), Image.Resampling[by])
        pixels = np.asarray(fitted).reshape(side, side, channels).transpose(2, 0, 1)
        return Decoded(pixels, levels, tuple(remarks))


def _has_colour(picture: "Image") -> bool:
    pixels = np.asarray(picture)
    return bool((pixels != pixels[..., :1]).any())


def _frame_remarks(picture: "Image", reading: ReadingConfig) -> Iterator[str]:
    """Check the number of frames; yield a remark if more than one is there."""
    # the first picture of a multi-picture file is the photograph, the others are previews
    frames = 1 if picture.format == "MPO" else _count_frames(picture)
    if frames == 1:
        return
    if not reading.first_frame:
        raise DataError(f"it has {frames} frames, expected 1: first_frame reads the first")
    yield "several frames or pages, of which the first is read"


def _count_frames(picture: "Image") -> int:
    """The number of frames or pages; reduced copies of a TIFF page are not counted."""
    frames: int = getattr(picture, "n_frames", 1)
    if picture.format != "TIFF" or frames == 1:
        return frames
    reduced = 0
    for frame in range(1, frames):
        picture.seek(frame)
        reduced += picture.tag_v2.get(_SUBFILE_TYPE, 0) & _REDUCED  # type: ignore[attr-defined]
    picture.seek(0)
    return frames - reduced


def _profile_remarks(picture: "Image") -> Iterator[str]:
    profile = picture.info.get("icc_profile")
    if profile and not any(name in profile for name in _SRGB):
        yield "a colour profile other than sRGB, which is not applied"


def _middle(picture: "Image", share: float) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of the central square."""
    side = max(1, round(share * min(picture.size)))
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    return left, top, left + side, top + side


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
        raise DataError(
            f"it is no picture of a known format ({', '.join(_FORMATS)}), or of a kind that "
            f"Pillow does not read"
        ) from None
    except Image.DecompressionBombError as error:
        raise DataError(f"it has far too many pixels: {error}") from error
    except MemoryError as error:
        raise DataError("it needs more memory than there is") from error
    except DataError:
        raise
    # Pillow raises errors of nearly every type for damaged files
    except Exception as error:
        reason = " ".join(str(error).split())
        raise DataError(f"it is damaged: {reason or type(error).__name__}") from error
