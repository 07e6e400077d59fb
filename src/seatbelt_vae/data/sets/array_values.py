"""Conversion of image values to bytes 0 … 255, chosen by their type and range."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seatbelt_vae.config import ReadingConfig
from seatbelt_vae.data.level_use import Levels, LevelUse
from seatbelt_vae.data.readers.picture_levels import to_bytes
from seatbelt_vae.data.readers.stored_array import StoredArray
from seatbelt_vae.errors import DataError

__all__ = ["Coding", "coding_of"]

_EXPECTED = "expected uint8, bool, uint16, or floats in [0, 1] or [-1, 1]"
_OR_STATED = "or state the values of black and white"
_SIGNED_REACHES = -0.5


class _Rule(NamedTuple):
    """How the values of a type become bytes."""

    note: str
    black: float
    white: float
    to_bytes: Callable[[NDArray[Any]], NDArray[np.uint8]]


@dataclass(frozen=True)
class Coding:
    """A conversion of values to bytes.

    Args:
        notes: description of the conversion, and of unused and clipped values.
        to_bytes: maps values to bytes 0 … 255, rounded to nearest.
    """

    notes: tuple[str, ...]
    to_bytes: Callable[[NDArray[Any]], NDArray[np.uint8]]


def coding_of(array: StoredArray, layout: str, reading: ReadingConfig) -> Coding:
    """Choose the conversion of an array from the settings, or from its type and all its values.

    Args:
        array: the images.
        layout: a value of `LAYOUTS`.
        reading: the values of black and white.

    Raises:
        DataError: an unsupported type, a non-finite or out-of-range value, or an ambiguous range.
    """
    if array.dtype.kind not in "biuf":
        raise _bad(array, f"values of type {array.dtype}", "save it as an array of numbers")
    extrema = _extrema(array, layout.find("c"))
    low, high = min(low for low, _ in extrema), max(high for _, high in extrema)
    if low == high:
        raise DataError(f"{array.path}: every value is {low:g}: there is nothing to learn")
    stated = reading.black is not None or reading.white is not None
    rule = _stated(array, reading) if stated else _by_type(array, low, high)
    use = LevelUse()
    use.add(Levels(str(array.dtype), rule.black, rule.white, extrema))
    return Coding((*([rule.note] if rule.note else []), *use.notes), rule.to_bytes)


def _extrema(array: StoredArray, channel_axis: int) -> tuple[tuple[float, float], ...]:
    """Smallest and largest value of each channel; NaN if one is NaN."""
    axes = tuple(axis for axis in range(len(array.shape)) if axis != channel_axis)
    found = [(block.min(axes), block.max(axes)) for block in array.blocks()]
    lows, highs = zip(*found, strict=True)
    low, high = np.atleast_1d(np.min(lows, 0)), np.atleast_1d(np.max(highs, 0))
    return tuple(zip(low.tolist(), high.tolist(), strict=True))


def _stated(array: StoredArray, reading: ReadingConfig) -> _Rule:
    """The rule of the settings; the array's type gives a level that the settings leave out."""
    kind, size = array.dtype.kind, array.dtype.itemsize
    largest = (1 << 8 * size - (kind == "i")) - 1
    by_type = {"b": 1, "f": 1}.get(kind, largest if size <= 2 else None)
    black, white = reading.black or 0, by_type if reading.white is None else reading.white
    if white is None or black == white:
        raise _bad(array, f"values of type {array.dtype}", "state the values of black and white")
    if array.dtype.kind == "f":
        _check_all(array, np.isfinite, "save it without NaN and infinity")
    note = f"values from {black:g} to {white:g}, kept as bytes"
    return _Rule(note, black, white, partial(to_bytes, black=black, white=white))


def _by_type(array: StoredArray, low: float, high: float) -> _Rule:
    match array.dtype.kind, array.dtype.itemsize:
        case "b", 1:
            return _BINARY
        case "u", 1:
            return _BYTES if high > 1 else _BINARY
        case "u", 2:
            if high <= 255:
                advice = f"save bytes as uint8, {_OR_STATED}"
                raise _bad(array, "uint16 with no value above 255", advice)
            return _WORDS
        case "f", _:
            _check_all(
                array,
                lambda block: np.abs(block) <= 1,
                f"scale or clip it to these values, {_OR_STATED}",
            )
            if low >= 0:
                return _UNSIGNED
            if low <= _SIGNED_REACHES:
                return _SIGNED
            _check_all(
                array,
                lambda block: block >= 0,
                "clip it to [0, 1], or scale it so that black is -1",
                f" and no value of {_SIGNED_REACHES} or below, which fits neither [0, 1] nor all "
                f"of [-1, 1]",
            )
    advice = f"cast values of 0 to 255 with astype('uint8'), {_OR_STATED}"
    raise _bad(array, f"values of type {array.dtype}", advice)


def _check_all(
    array: StoredArray,
    good: Callable[[NDArray[Any]], NDArray[np.bool_]],
    advice: str,
    explanation: str = "",
) -> None:
    """Raise an error that names the first value that is not good."""
    start = 0
    for block in array.blocks():
        if not (inside := good(block)).all():
            row, *rest = map(int, np.argwhere(~inside)[0])
            found = f"{block[row, *rest].item():.6g} at {[start + row, *rest]}{explanation}"
            raise _bad(array, found, advice)
        start += len(block)


def _bad(array: StoredArray, found: str, advice: str) -> DataError:
    name = array.name or "its array"
    return DataError(f"{array.path}: {name} has {found}; {_EXPECTED}: {advice}")


def _floats_to_bytes(scale: float, shift: float) -> Callable[[NDArray[Any]], NDArray[np.uint8]]:
    def to_bytes(values: NDArray[Any]) -> NDArray[np.uint8]:
        levels: NDArray[np.float32] = np.rint((values.astype(np.float32) + shift) * scale)
        return levels.astype(np.uint8)

    return to_bytes


_BINARY = _Rule(
    "values 0 and 1 are black and white", 0, 1, lambda values: 255 * values.astype(np.uint8)
)
_BYTES = _Rule("", 0, 255, lambda values: values.astype(np.uint8))
_WORDS = _Rule("16-bit values, kept as bytes", 0, 65535, partial(to_bytes, black=0, white=65535))
_UNSIGNED = _Rule("floats from 0 to 1, kept as bytes", 0, 1, _floats_to_bytes(255, 0))
_SIGNED = _Rule("floats from -1 to 1, kept as bytes", -1, 1, _floats_to_bytes(127.5, 1))
