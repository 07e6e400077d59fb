"""An array that lies in a file: what the file says of it, and its content block by block."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["StoredArray", "rows_of_a_block"]

_BLOCK_BYTES = 1 << 24


@dataclass(frozen=True)
class StoredArray:
    """One array of a file, of which no content is read before it is asked for.

    Args:
        path: the file.
        name: the array's name in it; empty where a file holds only one.
        shape: as the file states it.
        dtype: as the file states it; not to be read if it holds objects.
        blocks: gives consecutive slices along the first axis, each of at most 16 MiB or one row.
    """

    path: Path | str
    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    blocks: Callable[[], Iterator[NDArray[Any]]]


def rows_of_a_block(shape: tuple[int, ...], dtype: np.dtype[Any]) -> int:
    """How many rows are read at once.

    Example:
        >>> rows_of_a_block((70_000, 64, 64), np.dtype(np.uint8))
        4096
    """
    return max(1, _BLOCK_BYTES // max(1, math.prod(shape[1:]) * dtype.itemsize))
