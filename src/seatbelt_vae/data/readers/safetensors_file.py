"""Arrays of a safetensors file, read in slices."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from seatbelt_vae.data.readers.stored_array import StoredArray
from seatbelt_vae.errors import DataError

__all__ = ["safetensors_arrays"]

_TYPES = {
    "BOOL": np.bool_,
    "F16": np.float16,
    "F32": np.float32,
    "F64": np.float64,
    "U8": np.uint8,
    "U16": np.uint16,
    "U32": np.uint32,
    "U64": np.uint64,
    "I8": np.int8,
    "I16": np.int16,
    "I32": np.int32,
    "I64": np.int64,
}


def safetensors_arrays(path: Path) -> tuple[StoredArray, ...]:
    """All arrays of a file.

    Raises:
        DataError: not a valid safetensors file, or an array of a type unknown to NumPy.
    """
    with _opened(path) as file:
        names: list[str] = file.keys()  # the file object is not iterable
        return tuple(_stored(path, name, file.get_slice(name)) for name in names)


def _stored(path: Path, name: str, part: Any) -> StoredArray:
    if part.get_dtype() not in _TYPES:
        raise _bad(path, f"{name} is {part.get_dtype()}, expected one of {', '.join(_TYPES)}")
    shape, dtype = tuple(part.get_shape()), np.dtype(_TYPES[part.get_dtype()])

    @contextmanager
    def opened() -> Iterator[Any]:
        with _opened(path) as file:
            yield file.get_slice(name)

    return StoredArray.sliced(path, name, shape, dtype, opened)


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            yield file
    except (SafetensorError, OSError) as error:
        raise _bad(path, str(error)) from error


def _bad(path: Path, reason: str) -> DataError:
    return DataError(f"{path} is no usable safetensors file: {reason}; write or download it anew")
