"""One array of an .npz file, read block by block, its shape checked before its content."""

import io
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import DTypeLike, NDArray

from seatbelt_vae.errors import DataError

__all__ = ["NpzMember"]

_BLOCK_BYTES = 1 << 24
_LONGEST_HEADER = 1 << 14
_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_DAMAGES = (
    zipfile.BadZipFile,
    zlib.error,
    tokenize.TokenError,
    RuntimeError,  # encrypted, or a feature of ZIP that is not supported
    ValueError,
    EOFError,
    OSError,
)


@dataclass(frozen=True)
class NpzMember:
    """An array that must have one shape and one type; pickled arrays are refused.

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
        row = int(np.prod(self.shape[1:])) * np.dtype(self.dtype).itemsize
        step = max(1, _BLOCK_BYTES // row)
        with self._opened() as archive:
            header = self._checked_header(archive)
            with archive.open(f"{self.name}.npy") as file:
                file.read(header)
                for start in range(0, self.shape[0], step):
                    count = min(step, self.shape[0] - start)
                    data = file.read(count * row)
                    if len(data) != count * row:
                        raise self._bad(f"{self.name} ends after {start * row + len(data)} bytes")
                    yield np.frombuffer(data, self.dtype).reshape(count, *self.shape[1:])
                if file.read(1):
                    raise self._bad(f"{self.name} is longer than its shape says")

    def checksum(self) -> int:
        """CRC-32 of the array as the archive states it: tells two files apart without reading them.

        Raises:
            DataError: not a whole archive, or the array is missing.
        """
        with self._opened() as archive:
            return archive.getinfo(f"{self.name}.npy").CRC

    @contextmanager
    def _opened(self) -> Iterator[zipfile.ZipFile]:
        try:
            with zipfile.ZipFile(self.path) as archive:
                if archive.getinfo(f"{self.name}.npy").compress_type not in _COMPRESSIONS:
                    raise self._bad(f"{self.name} is compressed by another method than deflate")
                yield archive
        except KeyError:
            raise self._bad(f"it has no array {self.name!r}") from None
        except _DAMAGES as error:
            raise self._bad(str(error)) from error

    def _checked_header(self, archive: zipfile.ZipFile) -> int:
        """Length of the array's header, once it says what is expected."""
        with archive.open(f"{self.name}.npy") as file:
            # cut off, because NumPy reads a header of any stated length before it looks at it
            start = io.BytesIO(file.read(_LONGEST_HEADER))
        version = npy.read_magic(start)
        read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, fortran, dtype = read(start)
        if shape != self.shape or fortran or dtype != np.dtype(self.dtype):
            raise self._bad(
                f"{self.name} is {dtype} of shape {shape}{' (Fortran order)' if fortran else ''}, "
                f"expected {np.dtype(self.dtype)} of shape {self.shape}"
            )
        return start.tell()

    def _bad(self, reason: str) -> DataError:
        return DataError(f"{self.path} cannot be used: {reason}; download it anew")
