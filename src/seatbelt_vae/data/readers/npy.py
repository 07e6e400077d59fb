"""The .npy format of NumPy: a bounded reader of headers, and memory-mapped files."""

import io
import math
import tokenize
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from seatbelt_vae.data.readers.reading import reading
from seatbelt_vae.data.readers.stored_array import StoredArray
from seatbelt_vae.errors import DataError

__all__ = ["NpyHeader", "npy_array", "read_npy_header"]

_LONGEST_HEADER = 1 << 14


class NpyHeader(NamedTuple):
    """The header of an array and its length in bytes."""

    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype[Any]
    length: int


def read_npy_header(file: IO[bytes]) -> NpyHeader:
    """Read the header at the start of ``file``; the file position is then undefined.

    Raises:
        ValueError, EOFError, tokenize.TokenError: not a valid header.
    """
    # bounded, because NumPy reads a header of any stated length before it parses it
    start = io.BytesIO(file.read(_LONGEST_HEADER))
    version = npy.read_magic(start)
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, fortran, dtype = read(start)
    if min(shape, default=0) < 0:
        raise ValueError(f"shape {shape}")
    return NpyHeader(shape, fortran, dtype, start.tell())


def npy_array(path: Path) -> StoredArray:
    """The unnamed array of a .npy file, memory-mapped.

    Raises:
        DataError: not a .npy file, or a file of another length than its header states.
    """
    try:
        with reading(path), path.open("rb") as file:
            header = read_npy_header(file)
            size = file.seek(0, io.SEEK_END)
    except (ValueError, EOFError, tokenize.TokenError) as error:
        raise _bad(path, str(error)) from error
    expected = header.length + math.prod(header.shape) * header.dtype.itemsize
    # the header does not state the length of pickled objects
    if size != expected and not header.dtype.hasobject:
        raise _bad(path, f"it has {size} bytes, expected {expected}")

    def opened() -> AbstractContextManager[NDArray[Any]]:
        order: Any = "F" if header.fortran else "C"
        return nullcontext(np.memmap(path, header.dtype, "r", header.length, header.shape, order))

    return StoredArray.sliced(path, "", header.shape, header.dtype, opened)


def _bad(path: Path, reason: str) -> DataError:
    return DataError(f"{path} is no whole .npy file: {reason}; write or download it anew")
