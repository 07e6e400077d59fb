"""idx files, the format of MNIST: an array of unsigned bytes, plain or gzipped."""

import gzip
import math
import zlib
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from seatbelt_vae.errors import DataError

__all__ = ["read_idx"]

_GZIP = b"\x1f\x8b"
_TYPES = {
    0x08: "unsigned bytes",
    0x09: "signed bytes",
    0x0B: "16-bit integers",
    0x0C: "32-bit integers",
    0x0D: "32-bit floats",
    0x0E: "64-bit floats",
}
_UNSIGNED_BYTES = 0x08


def read_idx(path: Path, item: tuple[int, ...], at_most: int) -> NDArray[np.uint8]:
    """Read the array of a file; the header is checked before the content is read.

    Args:
        path: the file; gzip is detected from its first bytes, not from its name.
        item: the expected shape of one item, such as (28, 28), or () for labels.
        at_most: the largest number of items expected.

    Raises:
        DataError: a missing, unreadable, truncated, too long or corrupt file, or another array.
    """
    try:
        if not path.is_file():
            raise _bad(path, "it is not a file")
        with path.open("rb") as plain:
            gzipped = plain.read(2) == _GZIP
            plain.seek(0)
            return _array(path, gzip.GzipFile(fileobj=plain) if gzipped else plain, item, at_most)
    except EOFError:
        raise _bad(path, "its gzip stream is cut short") from None
    except (zlib.error, gzip.BadGzipFile) as error:
        raise _bad(path, f"its gzip stream is corrupt: {error}") from error
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}; make it readable") from error


def _array(
    path: Path, file: IO[bytes] | gzip.GzipFile, item: tuple[int, ...], at_most: int
) -> NDArray[np.uint8]:
    count = _count(path, file, item, at_most)
    size = count * math.prod(item)
    data = file.read(size)
    if len(data) < size:
        raise _bad(path, f"it ends after {len(data)} of {size} values")
    # reading one byte more makes gzip verify its checksum
    if file.read(1):
        raise _bad(path, f"it goes on after the {size} values it states")
    return np.frombuffer(data, np.uint8).reshape(count, *item)


def _count(path: Path, file: IO[bytes] | gzip.GzipFile, item: tuple[int, ...], at_most: int) -> int:
    """Read and check the header; return the number of items."""
    magic = file.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in _TYPES:
        raise _bad(path, f"it starts with {magic.hex(' ') or 'nothing'}, expected 00 00 08")
    if magic[2] != _UNSIGNED_BYTES:
        raise _bad(path, f"it holds {_TYPES[magic[2]]}, expected unsigned bytes")
    header = file.read(4 * magic[3])
    if len(header) < 4 * magic[3]:
        raise _bad(path, "it ends inside its header")
    shape = tuple(int(side) for side in np.frombuffer(header, ">u4"))
    if shape[1:] != item or len(shape) != 1 + len(item) or not 1 <= shape[0] <= at_most:
        expected = ", ".join(["N", *map(str, item)])
        raise _bad(path, f"it has shape {shape}, expected ({expected}) with N from 1 to {at_most}")
    return shape[0]


def _bad(path: Path, reason: str) -> DataError:
    return DataError(f"{path} is no usable idx file: {reason}; put the published file there anew")
