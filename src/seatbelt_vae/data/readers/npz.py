"""Arrays of an .npz file, read in blocks after a check of their headers."""

import math
import tokenize
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from seatbelt_vae.data.readers.npy import read_npy_header
from seatbelt_vae.data.readers.stored_array import StoredArray, rows_of_a_block
from seatbelt_vae.data.readers.zipped import ZIP_DAMAGES
from seatbelt_vae.errors import DataError

__all__ = ["NpzMember", "npz_arrays"]

_ENDING = ".npy"
_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_DAMAGES = (*ZIP_DAMAGES, tokenize.TokenError)


@dataclass(frozen=True)
class NpzMember:
    """An array of an expected shape and type; pickled arrays are refused.

    Args:
        path: the archive.
        name: the array's name in it.
        shape: the expected shape.
        dtype: the expected type.
    """

    path: Path
    name: str
    shape: tuple[int, ...]
    dtype: DTypeLike

    def blocks(self) -> Iterator[NDArray[Any]]:
        """Consecutive slices along the first axis.

        Raises:
            DataError: not a whole archive, the array is missing, or of another shape or type.
        """
        dtype = np.dtype(self.dtype)
        row = math.prod(self.shape[1:]) * dtype.itemsize
        step = rows_of_a_block(self.shape, dtype)
        with self._opened() as archive:
            header = self._checked_header(archive)
            with archive.open(self.name + _ENDING) as file:
                file.read(header)
                for start in range(0, self.shape[0], step):
                    count = min(step, self.shape[0] - start)
                    data = file.read(count * row)
                    if len(data) != count * row:
                        raise self._bad(f"{self.name} ends after {start * row + len(data)} bytes")
                    yield np.frombuffer(data, dtype).reshape(count, *self.shape[1:])
                if file.read(1):
                    raise self._bad(f"{self.name} is longer than its shape says")

    def checksum(self) -> int:
        """CRC-32 of the array from the archive directory, without reading the array.

        Raises:
            DataError: not a whole archive, or the array is missing.
        """
        with self._opened() as archive:
            return archive.getinfo(self.name + _ENDING).CRC

    @contextmanager
    def _opened(self) -> Iterator[zipfile.ZipFile]:
        with _opened(self.path) as archive:
            try:
                method = archive.getinfo(self.name + _ENDING).compress_type
            except KeyError:
                raise self._bad(f"it has no array {self.name!r}") from None
            if method not in _COMPRESSIONS:
                raise self._bad(f"{self.name} is compressed by another method than deflate")
            yield archive

    def _checked_header(self, archive: zipfile.ZipFile) -> int:
        """Check the header of the array and return its length in bytes."""
        with archive.open(self.name + _ENDING) as file:
            found = read_npy_header(file)
        if found.fortran:
            raise self._bad(f"{self.name} lies in Fortran order: save np.ascontiguousarray of it")
        if found.shape != self.shape or found.dtype != np.dtype(self.dtype):
            raise self._bad(
                f"{self.name} is {found.dtype} of shape {found.shape}, "
                f"expected {np.dtype(self.dtype)} of shape {self.shape}"
            )
        return found.length

    def _bad(self, reason: str) -> DataError:
        return _bad(self.path, reason)


def npz_arrays(path: Path) -> tuple[StoredArray, ...]:
    """All arrays of an archive; other members are ignored.

    Raises:
        DataError: not a whole archive, or an array has no header.
    """
    arrays = []
    with _opened(path) as archive:
        for entry in dict.fromkeys(archive.namelist()):
            if entry.endswith(_ENDING):
                with archive.open(entry) as file:
                    header = read_npy_header(file)
                member = NpzMember(path, entry.removesuffix(_ENDING), header.shape, header.dtype)
                arrays.append(
                    StoredArray(path, member.name, member.shape, header.dtype, member.blocks)
                )
    return tuple(arrays)


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except _DAMAGES as error:
        raise _bad(path, str(error)) from error


def _bad(path: Path, reason: str) -> DataError:
    return DataError(f"{path} cannot be used: {reason}; write or download it anew")
