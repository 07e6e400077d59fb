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

_PICKLED = "; pickled files are never opened: save the tensor with safetensors.torch.save_file"
_TABLE = "; read a table in a function, and give it as --data file.py:function"
_ADVICE = dict.fromkeys((".pt", ".pth", ".pkl", ".bin"), _PICKLED) | dict.fromkeys(
    (".csv", ".tsv", ".parquet", ".feather"), _TABLE
)


def stored_arrays(path: Path) -> tuple[StoredArray, ...]:
    """All arrays of a file; their content is not read yet.

    Raises:
        DataError: unknown suffix, or a file of another format than its suffix.
    """
    if path.suffix.lower() not in _READERS:
        advice = _ADVICE.get(path.suffix.lower(), "")
        raise DataError(f"{path} is no file of arrays: expected {', '.join(ENDINGS)}{advice}")
    return _READERS[path.suffix.lower()](path)
