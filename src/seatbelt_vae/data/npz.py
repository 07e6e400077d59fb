"""One array of an .npz file, read block by block, its shape checked before its content."""

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import DTypeLike, NDArray

from seatbelt_vae.errors import DataError

__all__ = ["NpzMember"]

_BLOCK_BYTES = 1 << 24


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
        try:
            with zipfile.ZipFile(self.path) as archive, archive.open(f"{self.name}.npy") as file:
                self._check_header(file)
                for start in range(0, self.shape[0], step):
                    count = min(step, self.shape[0] - start)
                    data = file.read(count * row)
                    if len(data) != count * row:
                        raise self._bad(f"{self.name} ends after {start * row + len(data)} bytes")
                    yield np.frombuffer(data, self.dtype).reshape(count, *self.shape[1:])
                if file.read(1):
                    raise self._bad(f"{self.name} is longer than its shape says")
        except KeyError:
            raise self._bad(f"it has no array {self.name!r}") from None
        except (zipfile.BadZipFile, ValueError, EOFError, OSError) as error:
            raise self._bad(str(error)) from error

    def _check_header(self, file: Any) -> None:
        version = npy.read_magic(file)
        read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, fortran, dtype = read(file)
        if shape != self.shape or fortran or dtype != np.dtype(self.dtype):
            raise self._bad(
                f"{self.name} is {dtype} of shape {shape}, expected {np.dtype(self.dtype)} of "
                f"shape {self.shape}"
            )

    def _bad(self, reason: str) -> DataError:
        return DataError(f"{self.path} cannot be used: {reason}; download it anew")
