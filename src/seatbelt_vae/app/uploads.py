"""Uploaded pictures: checked, turned upright, and fitted to the inputs of a model.

Only pixels are kept, so that the position and camera in a photograph's metadata are not.
"""

import torch
from torch import Tensor

from seatbelt_vae.app.limits import LIMITS, Limits
from seatbelt_vae.config import ReadingConfig
from seatbelt_vae.data.readers.picture_decoding import decoded, opened_picture
from seatbelt_vae.errors import DataError
from seatbelt_vae.protocol import Bounds

__all__ = ["checked_picture"]

_READING = ReadingConfig(background="white", first_frame=True)
_MIB = 2**20


def checked_picture(
    content: bytes, event_shape: tuple[int, ...], bounds: Bounds, limits: Limits = LIMITS
) -> tuple[Tensor, tuple[str, ...]]:
    """An uploaded picture as an input of a model, and notes on how it was read.

    The picture is turned as its EXIF orientation states, laid on white if it is transparent, cut to
    its central square, resized, and mapped to the bounds. A subject that is not square gets the
    middle of that square.

    Args:
        content: the content of the file.
        event_shape: (C, H, W), C = 1 or 3.
        bounds: bounds of the inputs.
        limits: the largest upload.

    Raises:
        DataError: too many bytes or pixels, no picture, or a damaged one.
    """
    if len(content) > limits.picture_bytes:
        raise DataError(
            f"the picture has {len(content) / _MIB:.1f} MiB, expected at most "
            f"{limits.picture_bytes / _MIB:g} MiB: make it smaller"
        )
    try:
        with opened_picture(content) as picture:
            width, height = picture.size
            if width * height > limits.picture_pixels:
                raise DataError(
                    f"it has {width}×{height} pixels, expected at most {limits.picture_pixels:,}"
                )
        channels, height, width = event_shape
        side = max(height, width)
        found = decoded(content, channels, side, _READING)
    except DataError as error:
        raise DataError(f"the picture was refused: {error}") from None
    top, left = (side - height) // 2, (side - width) // 2
    pixels = torch.from_numpy(found.pixels.copy())[:, top : top + height, left : left + width]
    low, high = (torch.as_tensor(bound, dtype=torch.float32) for bound in bounds)
    return bounds.clamp(low + (high - low) * (pixels / 255)), found.remarks
