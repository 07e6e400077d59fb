"""The settings of how pictures and arrays become values from black to white."""

import math
import re
from dataclasses import dataclass, fields
from typing import Any

from seatbelt_vae.config.checks import one_of
from seatbelt_vae.errors import ConfigError

__all__ = ["ReadingConfig"]

_COLOUR = re.compile(r"[a-zA-Z]+|#[0-9a-fA-F]{6}")


@dataclass(frozen=True, kw_only=True)
class ReadingConfig:
    """How pictures and arrays are read.

    Args:
        skip_bad: skip unreadable files and report their number.
        channels: 1 reads pictures as grey, 3 as colour (default: grey if all are).
        background: colour behind transparent pictures: a name, #rrggbb, or 0 to 255 for a grey
            (default: transparent pictures are errors).
        first_frame: read the first frame of pictures with several frames or pages.
        follow_links: follow links that lead out of the folder of the files.
        black: stored value that is shown as black (default: by the type of the values).
        white: stored value that is shown as white (default: by the type of the values).
        standardise: give each column of a table mean 0 and standard deviation 1.
    """

    skip_bad: bool = False
    channels: int | None = None
    background: str | None = None
    first_frame: bool = False
    follow_links: bool = False
    black: float | None = None
    white: float | None = None
    standardise: bool = False

    def __post_init__(self) -> None:
        if self.channels is not None:
            one_of("number of channels", str(self.channels), ("1", "3"))
        if self.background is not None:
            _check_colour(self.background)
        for name, level in (("black", self.black), ("white", self.white)):
            if level is not None and not math.isfinite(level):
                raise ConfigError(f"{name} is {level:g}, expected a finite number")
        if self.black is not None and self.black == self.white:
            raise ConfigError(f"black and white are both {self.black:g}: give two levels")

    @property
    def chosen_reading(self) -> dict[str, Any]:
        """The settings of reading that differ from their defaults.

        Example:
            >>> ReadingConfig(background="white").chosen_reading
            {'background': 'white'}
        """
        given = {field.name: getattr(self, field.name) for field in fields(ReadingConfig)}
        default = {field.name: field.default for field in fields(ReadingConfig)}
        return {name: value for name, value in given.items() if value != default[name]}


def _check_colour(text: str) -> None:
    if text.isascii() and text.isdigit():
        known = int(text) <= 255
    else:
        from PIL.ImageColor import colormap

        known = bool(_COLOUR.fullmatch(text)) and (text[0] == "#" or text.lower() in colormap)
    if not known:
        raise ConfigError(
            f"background is {text!r}, expected the name of a colour, #rrggbb, or a level from 0 to "
            f"255"
        )
