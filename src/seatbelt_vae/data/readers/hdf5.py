"""Arrays of an HDF5 file, read in slices; external links are not followed."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from seatbelt_vae.data.readers.stored_array import StoredArray
from seatbelt_vae.errors import DataError

if TYPE_CHECKING:
    import h5py

__all__ = ["hdf5_arrays"]

_LARGEST_CHUNK = 1 << 28
_MOST_PACKED = 2000
"""Largest accepted ratio of stated to stored bytes; deflate reaches at most 1,032."""


def hdf5_arrays(path: Path) -> tuple[StoredArray, ...]:
    """All arrays at the top level of a file.

    Raises:
        DataError: h5py is missing, or not a whole HDF5 file.
    """
    with _opened(path) as file:
        return tuple(_stored(path, name, file[name]) for name in file if _is_own_array(file, name))


def _is_own_array(file: "h5py.File", name: str) -> bool:
    import h5py

    return isinstance(file.get(name, getlink=True), h5py.HardLink) and (
        file.get(name, getclass=True) is h5py.Dataset
    )


def _stored(path: Path, name: str, array: "h5py.Dataset") -> StoredArray:
    import h5py

    shape, dtype, chunks = tuple(array.shape or ()), array.dtype, array.chunks
    words = h5py.check_string_dtype(dtype) is not None
    if array.is_virtual or array.external:
        raise _bad(path, f"{name} lies in other files: copy it into this one")
    # HDF5 decompresses a whole chunk for any of its rows
    if chunks and math.prod(chunks) * dtype.itemsize > _LARGEST_CHUNK:
        raise _bad(path, f"{name} lies in chunks of shape {chunks}: use chunks below 256 MiB")
    stated, held = math.prod(shape) * dtype.itemsize, array.id.get_storage_size()
    if stated > _MOST_PACKED * held:
        raise _bad(path, f"{name} states {stated} bytes and holds {held}, fewer than any packing")

    @contextmanager
    def opened() -> Iterator["h5py.Dataset"]:
        with _opened(path) as file:
            yield file[name].asstr() if words else file[name]

    chunk = chunks[0] if chunks else 1
    kind = np.dtype(np.str_) if words else dtype
    return StoredArray.sliced(path, name, shape, kind, opened, chunk)


@contextmanager
def _opened(path: Path) -> Iterator["h5py.File"]:
    try:
        import h5py
    except ImportError:
        raise DataError(
            f"{path} needs h5py, which is missing: `pip install 'seatbelt-vae[hdf5]'`"
        ) from None
    try:
        with h5py.File(path, "r") as file:
            yield file
    except (OSError, RuntimeError, KeyError, ValueError, TypeError) as error:
        raise _bad(path, str(error)) from error


def _bad(path: Path, reason: str) -> DataError:
    return DataError(f"{path} is no usable HDF5 file: {reason}; write or download it anew")
