"""Conversion of image values to bytes 0 … 255, chosen by their type and range."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seatbelt_vae.data.readers.stored_array import StoredArray
from seatbelt_vae.errors import DataError

__all__ = ["Coding", "coding_of"]

_EXPECTED = "expected uint8, bool, uint16, or floats in [0, 1] or [-1, 1]"
_SIGNED_REACHES = -0.5


@dataclass(frozen=True)
class Coding:
    """A conversion of values to bytes.

    Args:
        note: description of the conversion; empty for bytes.
        to_bytes: maps values to bytes 0 … 255, rounded to nearest.
    """

    note: str
    to_bytes: Callable[[NDArray[Any]], NDArray[np.uint8]]


def coding_of(array: StoredArray) -> Coding:
    """Choose the conversion of an array from its type and all its values.

    Raises:
        DataError: an unsupported type, a non-finite or out-of-range value, or an ambiguous range.
    """
    match array.dtype.kind, array.dtype.itemsize:
        case "b", 1:
            return _BINARY
        case "u", 1:
            return _BYTES if _any_above(array, 1) else _BINARY
        case "u", 2:
            if not _any_above(array, 255):
                raise _bad(array, "uint16 with no value above 255", "save bytes as uint8")
            return _WORDS
        case "f", _:
            return _SIGNED if _smallest(array) < 0 else _UNSIGNED
    advice = "cast values of 0 to 255 with astype('uint8')"
    raise _bad(array, f"values of type {array.dtype}", advice)


def _any_above(array: StoredArray, bound: int) -> bool:
    return any((block > bound).any() for block in array.blocks())


def _smallest(array: StoredArray) -> float:
    """Check that all floats are finite and in [-1, 1]; return the smallest."""
    smallest, start, negative = 0.0, 0, ""
    for block in array.blocks():
        # NaN compares as false
        if not (inside := np.abs(block) <= 1).all():
            row, *rest = map(int, np.argwhere(~inside)[0])
            place = [start + row, *rest]
            raise _bad(
                array, f"{float(block[row, *rest])} at {place}", "scale or clip it to these values"
            )
        if not negative and (block < 0).any():
            row, *rest = map(int, np.argwhere(block < 0)[0])
            negative = f"{float(block[row, *rest]):g} at {[start + row, *rest]}"
        smallest = min(smallest, float(block.min()))
        start += len(block)
    if _SIGNED_REACHES < smallest < 0:
        raise _bad(
            array,
            f"{negative} and no value of {_SIGNED_REACHES} or below, which fits neither [0, 1] nor "
            f"all of [-1, 1]",
            "clip it to [0, 1], or scale it so that black is -1",
        )
    return smallest


def _bad(array: StoredArray, found: str, advice: str) -> DataError:
    name = array.name or "its array"
    return DataError(f"{array.path}: {name} has {found}; {_EXPECTED}: {advice}")


def _floats_to_bytes(scale: float, shift: float) -> Callable[[NDArray[Any]], NDArray[np.uint8]]:
    def to_bytes(values: NDArray[Any]) -> NDArray[np.uint8]:
        levels: NDArray[np.float32] = np.rint((values.astype(np.float32) + shift) * scale)
        return levels.astype(np.uint8)

    return to_bytes


_BINARY = Coding("values 0 and 1 are black and white", lambda values: 255 * values.astype(np.uint8))
_BYTES = Coding("", lambda values: values.astype(np.uint8))
_WORDS = Coding(
    "16-bit values, kept as bytes",
    lambda values: np.rint(values.astype(np.float32) / 257).astype(np.uint8),
)
_UNSIGNED = Coding("floats from 0 to 1, kept as bytes", _floats_to_bytes(255, 0))
_SIGNED = Coding("floats from -1 to 1, kept as bytes", _floats_to_bytes(127.5, 1))
