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

_DEEPEST = 4  # groups may contain each other
_LARGEST_CHUNK = 1 << 28
_MOST_PACKED = 2000
"""Largest accepted ratio of stated to stored bytes; deflate reaches at most 1,032."""


def hdf5_arrays(path: Path) -> tuple[StoredArray, ...]:
    """All arrays of a file and of its groups; ``train/images`` has the name ``train_images``.

    Raises:
        DataError: h5py is missing, or not a whole HDF5 file.
    """
    with _opened(path) as file:
        return tuple(_stored(path, key, file[key]) for key in _keys(file, _DEEPEST))


def _keys(group: "h5py.Group", depth: int) -> Iterator[str]:
    """Keys of the arrays that lie in the file itself, in groups down to a depth."""
    import h5py

    for name in group:
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            continue
        kind = group.get(name, getclass=True)
        if kind is h5py.Dataset:
            yield name
        elif kind is h5py.Group and depth > 1:
            yield from (f"{name}/{key}" for key in _keys(group[name], depth - 1))


def _stored(path: Path, key: str, array: "h5py.Dataset") -> StoredArray:
    import h5py

    name = key.replace("/", "_")
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
            yield file[key].asstr() if words else file[key]

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
