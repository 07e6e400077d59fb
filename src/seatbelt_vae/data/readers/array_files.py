"""Files of arrays in several formats, chosen by the suffix of the file name."""

from pathlib import Path

from seatbelt_vae.data.readers.hdf5 import hdf5_arrays
from seatbelt_vae.data.readers.npy import npy_array
from seatbelt_vae.data.readers.npz import npz_arrays
from seatbelt_vae.data.readers.safetensors_file import safetensors_arrays
from seatbelt_vae.data.readers.stored_array import StoredArray
from seatbelt_vae.errors import DataError

__all__ = ["ENDINGS", "stored_arrays"]

_READERS = {
    ".npy": lambda path: (npy_array(path),),
    ".npz": npz_arrays,
    ".h5": hdf5_arrays,
    ".hdf5": hdf5_arrays,
    ".safetensors": safetensors_arrays,
}
ENDINGS = tuple(_READERS)


def stored_arrays(path: Path) -> tuple[StoredArray, ...]:
    """All arrays of a file; their content is not read yet.

    Raises:
        DataError: unknown suffix, or a file of another format than its suffix.
    """
    if path.suffix.lower() not in _READERS:
        raise DataError(f"{path} is no file of arrays: expected {', '.join(ENDINGS)}")
    return _READERS[path.suffix.lower()](path)
