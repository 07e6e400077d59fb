"""The range of stored values that a set uses, and the options that would stretch it."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

__all__ = ["LevelUse", "Levels"]

_NARROW = 0.8
"""A set that uses less than this share of the range from black to white is reported."""

_COLOURS = ("red", "green", "blue")


class Levels(NamedTuple):
    """The stored values of a picture, or of an array.

    Args:
        kind: their type, such as ``"8 bits"``.
        black, white: the values shown as black and as white.
        extrema: smallest and largest value of each channel.
    """

    kind: str
    black: float
    white: float
    extrema: tuple[tuple[float, float], ...]


@dataclass
class LevelUse:
    """The values of all pictures of a set, added one by one.

    Args:
        ranges: smallest and largest values of the channels, for each kind, black and white.
        remarks: number of pictures of each remark, such as the removal of further frames.
        grey_in_colour: all pictures so far have three equal channels.

    Example:
        >>> use = LevelUse()
        >>> use.add(Levels("16 bits", 0, 65535, ((0, 4095),)))
        >>> use.notes
        ('16 bits: values from 0 to 4095 of 0 to 65535: black=0 and white=4095 stretch them',)
    """

    ranges: dict[tuple[str, float, float], tuple[tuple[float, float], ...]] = field(
        default_factory=dict
    )
    remarks: Counter[str] = field(default_factory=Counter)
    grey_in_colour: bool = True

    def add(self, levels: Levels, remarks: Iterable[str] = (), *, equal: bool = False) -> None:
        """Add a picture or an array.

        Args:
            levels: its values.
            remarks: remarks on it.
            equal: its three channels are equal.
        """
        kind, extrema = levels[:3], levels.extrema
        known = self.ranges.get(kind, extrema)
        self.ranges[kind] = tuple(
            (min(low, new_low), max(high, new_high))
            for (low, high), (new_low, new_high) in zip(known, extrema, strict=True)
        )
        self.remarks.update(remarks)
        self.grey_in_colour &= equal

    @property
    def notes(self) -> tuple[str, ...]:
        """Unused parts of the range, clipped values, constant and equal channels, and remarks."""
        notes = [note for kind, extrema in self.ranges.items() for note in _notes(*kind, extrema)]
        if self.grey_in_colour and self.ranges:
            notes.append("every picture is grey, kept as colour: channels=1 keeps one channel")
        return (*notes, *(f"{text}: {count:,} pictures" for text, count in self.remarks.items()))


def _notes(
    kind: str, black: float, white: float, extrema: tuple[tuple[float, float], ...]
) -> Iterator[str]:
    """The notes on the values of one kind."""
    low, high = min(low for low, _ in extrema), max(high for _, high in extrema)
    least, most = sorted((black, white))
    used = f"{kind}: values from {_text(low)} to {_text(high)}"
    if low < least or high > most:
        yield f"{used} are clipped to {_text(least)} to {_text(most)}"
    elif 0 < high - low < _NARROW * (most - least):
        first, last = (low, high) if black < white else (high, low)
        yield (
            f"{used} of {_text(least)} to {_text(most)}: black={_text(first)} and "
            f"white={_text(last)} stretch them"
        )
    if len(extrema) == len(_COLOURS) and low < high:
        for colour, (smallest, largest) in zip(_COLOURS, extrema, strict=True):
            if smallest == largest:
                yield f"{kind}: {colour} is {_text(smallest)} in every picture"


def _text(value: float) -> str:
    return f"{value:,.0f}".replace(",", "") if value == int(value) else f"{value:.6g}"
