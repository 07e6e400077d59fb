"""The alpha channel of a picture, and the background behind it."""

from typing import TYPE_CHECKING, Any

import numpy as np

from seatbelt_vae.errors import DataError

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["alpha_of", "background_colour", "correct_transparent_value", "on_background"]


def correct_transparent_value(picture: "Image") -> None:
    """Scale the transparent value of a grey PNG of 2 or 4 bits as Pillow scales its pixels.

    Call it before the pixels are read.

    Raises:
        DataError: a transparent value of a colour of 16 bits, which Pillow reads as 8 bits.
    """
    value: Any = picture.info.get("transparency")
    if isinstance(value, tuple) and max(value) > 255:
        raise DataError(
            "its transparent colour has 16 bits: save it with 8 bits, or with an alpha channel"
        )
    for tile in getattr(picture, "tile", ()):
        if isinstance(value, int) and tile.args in ("L;2", "L;4"):
            picture.info["transparency"] = value * 255 // ((1 << int(tile.args[-1])) - 1)


def alpha_of(picture: "Image") -> "Image | None":
    """The opacity of each pixel, 0 to 255; None if every pixel is opaque."""
    from PIL import Image

    if not picture.has_transparency_data:
        return None
    if picture.mode[0] == "I":
        visible = np.asarray(picture) != picture.info["transparency"]
        alpha = Image.fromarray(np.where(visible, 255, 0).astype(np.uint8))
    else:
        alpha = picture.convert("RGBA").getchannel("A")
    extrema: Any = alpha.getextrema()
    return None if extrema[0] == 255 else alpha


def background_colour(background: str) -> tuple[int, ...]:
    """Red, green and blue of a setting: the name of a colour, #rrggbb, or a grey level.

    Example:
        >>> background_colour("128"), background_colour("orange")
        ((128, 128, 128), (255, 165, 0))
    """
    from PIL import ImageColor

    return (int(background),) * 3 if background.isdigit() else ImageColor.getrgb(background)


def on_background(picture: "Image", alpha: "Image", background: str | None) -> "Image":
    """Blend a picture of mode L or RGB with a background.

    Raises:
        DataError: no background is given.
    """
    from PIL import Image

    if background is None:
        raise DataError(
            "it is see-through, expected every pixel to be opaque: choose a background, such as "
            "background white"
        )
    behind = Image.new("RGB", picture.size, background_colour(background)).convert(picture.mode)
    return Image.composite(picture, behind, alpha)
