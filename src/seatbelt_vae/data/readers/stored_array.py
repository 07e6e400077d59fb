"""An array in a file: name, shape and type, and its content in blocks."""

import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

__all__ = ["StoredArray", "rows_of_a_block"]

_BLOCK_BYTES = 1 << 24


@dataclass(frozen=True)
class StoredArray:
    """An array whose content is read in blocks on request.

    Args:
        path: the file, or another origin for error messages.
        name: name of the array; empty for a file of one unnamed array.
        shape: shape stated by the file.
        dtype: type stated by the file; arrays of objects must not be read.
        blocks: yields slices along the first axis, each of at most 16 MiB or one row.
    """

    path: Path | str
    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    blocks: Callable[[], Iterator[NDArray[Any]]]

    @classmethod
    def sliced(
        cls,
        path: Path | str,
        name: str,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        opened: Callable[[], AbstractContextManager[Any]],
        chunk: int = 1,
    ) -> Self:
        """An array read by slices of an object that ``opened`` yields.

        A block has a multiple of ``chunk`` rows.
        """
        step = math.ceil(rows_of_a_block(shape, dtype) / chunk) * chunk

        def blocks() -> Iterator[NDArray[Any]]:
            with opened() as array:
                for start in range(0, shape[0], step):
                    yield np.asarray(array[start : min(start + step, shape[0])])

        return cls(path, name, shape, dtype, blocks)


def rows_of_a_block(shape: tuple[int, ...], dtype: np.dtype[Any]) -> int:
    """Number of rows per block.

    Example:
        >>> rows_of_a_block((70_000, 64, 64), np.dtype(np.uint8))
        4096
    """
    return max(1, _BLOCK_BYTES // max(1, math.prod(shape[1:]) * dtype.itemsize))
