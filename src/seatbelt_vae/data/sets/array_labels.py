"""Conversion of an array of labels to factors; each column is a factor."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from seatbelt_vae.data.dataset import Factor
from seatbelt_vae.data.readers.stored_array import StoredArray
from seatbelt_vae.errors import DataError

__all__ = ["factors_of"]

_NUMBERS, _WORDS = "biuf", "SU"
_MOST_LEVELS = 256


def factors_of(labels: StoredArray) -> tuple[NDArray[np.int32], tuple[Factor, ...]]:
    """Factor values (N, F), counted from 0, and the factors.

    Labels other than 0, 1, 2, … become the names of the values, such as words.

    Raises:
        DataError: not of shape (N) or (N, F), neither numbers nor words, or too many levels.
    """
    if (
        labels.dtype.kind not in _NUMBERS + _WORDS
        or len(labels.shape) not in (1, 2)
        or 0 in labels.shape
    ):
        raise _bad(labels, f"is {labels.dtype} of shape {labels.shape}")
    columns = np.concatenate(list(labels.blocks())).reshape(labels.shape[0], -1).T
    several = len(columns) > 1
    values, factors = [], []
    for place, column in enumerate(columns):
        distinct, numbered = np.unique(column, return_inverse=True)
        if labels.dtype.kind not in "biu":
            _check_levels(labels, distinct)
        counted = np.array_equal(distinct, np.arange(len(distinct)))
        called = () if counted else tuple(map(_called, distinct.tolist()))
        name = f"{labels.name} {place}" if several else labels.name
        values.append(numbered.astype(np.int32))
        factors.append(Factor(name, len(distinct), called))
    return np.stack(values, axis=1), tuple(factors)


def _check_levels(labels: StoredArray, distinct: NDArray[Any]) -> None:
    """Raise DataError unless floats or words are few, as the floats of 3D Shapes, and finite."""
    floats = labels.dtype.kind == "f"
    if floats and not np.isfinite(distinct).all():
        raise _bad(labels, "has values that are not finite")
    if len(distinct) > _MOST_LEVELS:
        kind = "floats" if floats else "words"
        raise _bad(labels, f"has {kind} with {len(distinct)} distinct values in one column")


def _called(value: Any) -> str:
    """The name of a value."""
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return value if isinstance(value, str) else f"{value:g}"


def _bad(labels: StoredArray, reason: str) -> DataError:
    return DataError(
        f"{labels.path}: {labels.name} {reason}, expected integers (or floats or words of "
        f"at most {_MOST_LEVELS} levels) of shape (N,) or (N, F): save class numbers, or leave it "
        f"out"
    )
