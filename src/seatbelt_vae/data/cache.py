"""Cache files of prepared sets: fixed-size records, written atomically and checked when read.

Layout: one line of JSON (format, record type, count, SHA-256 of the rest), the records, and a JSON
description. Records are memory-mapped, so that a set may be larger than memory.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.lib import format as npy
from numpy.typing import DTypeLike, NDArray

from seatbelt_vae.errors import ArtifactError, DataError

__all__ = ["Records", "cache_folder", "is_there", "read_records", "user_caches", "write_records"]

_FORMAT = 2
_HEADER = 512


@dataclass(frozen=True)
class Records:
    """The content of one cache file.

    Args:
        rows: a memory-mapped structured array with one record per example.
        about: the JSON description of the set.
        digest: SHA-256 of the records, the description and the header.
    """

    rows: NDArray[Any]
    about: Any
    digest: str


def cache_folder() -> Path:
    """The folder of cache files: SEATBELT_CACHE, else the cache folder of the user."""
    if chosen := os.environ.get("SEATBELT_CACHE"):
        return Path(chosen)
    return user_caches("SEATBELT_CACHE") / "seatbelt-vae"


def user_caches(variable: str) -> Path:
    """The folder of all caches of the user: XDG_CACHE_HOME, else ``.cache`` in the home folder.

    Args:
        variable: the environment variable that names one cache, for the error message.

    Raises:
        DataError: the user has no home folder, as in some containers.
    """
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    except RuntimeError:
        raise DataError(
            f"this user has no home folder for cache files: set {variable} to a folder"
        ) from None


def is_there(path: Path) -> bool:
    """Whether a file exists.

    Raises:
        DataError: no permission to read its folder.
    """
    try:
        return path.exists()
    except OSError as error:
        raise DataError(
            f"cannot look for {path}: {error.strerror}; make its folder readable, or give another"
        ) from error


def write_records(
    path: Path,
    dtype: DTypeLike,
    blocks: Iterable[NDArray[Any]],
    about: Callable[[], Any] = lambda: None,
) -> None:
    """Write blocks of records to a temporary file and rename it.

    Args:
        path: the file.
        dtype: structured type of one record.
        blocks: arrays of that type.
        about: called after the last block; its return value is stored as JSON.

    Raises:
        ArtifactError: the disk is full or the path not writable; no file is left behind.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            _write_contents(file, np.dtype(dtype), blocks, about)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise ArtifactError(
            f"cannot write {path}: {error.strerror or error}; free some space, or set "
            f"SEATBELT_CACHE to another folder"
        ) from error
    finally:
        # no temporary file exists where none could be created
        with suppress(OSError):
            temporary.unlink()


def _write_contents(
    file: BinaryIO,
    record: np.dtype[Any],
    blocks: Iterable[NDArray[Any]],
    about: Callable[[], Any],
) -> None:
    """Write records and description, and then the header in the space left for it."""
    digest, count = hashlib.sha256(), 0
    file.write(bytes(_HEADER))
    for block in blocks:
        data = np.ascontiguousarray(block, dtype=record).tobytes()
        digest.update(data)
        count += len(data) // record.itemsize
        file.write(data)
    last = json.dumps(about()).encode()
    digest.update(last)
    file.write(last)
    header: dict[str, Any] = {
        "format": _FORMAT,
        "record": npy.dtype_to_descr(record),
        "count": count,
        "about": len(last),
    }
    digest.update(json.dumps(header).encode())
    header["sha256"] = digest.hexdigest()
    file.seek(0)
    file.write(json.dumps(header).encode().ljust(_HEADER - 1) + b"\n")


def read_records(path: Path) -> Records:
    """Check the digest of a cache file and map its records.

    Raises:
        DataError: unreadable, truncated, corrupt, or an unknown format version.
    """
    try:
        with path.open("rb") as file:
            header = _Header.of(file.read(_HEADER))
            digest = hashlib.file_digest(file, "sha256")
            digest.update(header.stated)
            size, expected = file.tell(), _HEADER + header.bytes + header.about
            if size != expected:
                raise _corrupt(path, f"it has {size} bytes, expected {expected}")
            if header.digest != digest.hexdigest():
                raise _corrupt(path, "its contents do not match its digest")
            file.seek(_HEADER + header.bytes)
            about = json.loads(file.read())
    except ValueError as error:
        raise _corrupt(path, f"its first line is no header: {error}") from error
    except OSError as error:
        raise DataError(
            f"cannot read {path}: {error.strerror}; make it readable, or set SEATBELT_CACHE to "
            f"another folder"
        ) from error
    rows = np.memmap(path, header.record, "r", offset=_HEADER, shape=(header.count,))
    return Records(rows, about, header.digest)


@dataclass(frozen=True)
class _Header:
    record: np.dtype[Any]
    count: int
    about: int
    digest: str
    stated: bytes

    @classmethod
    def of(cls, line: bytes) -> "_Header":
        """Raises ValueError if the line is no header of this version."""
        try:
            stated = json.loads(line)
            if stated["format"] != _FORMAT:
                raise ValueError(f"format {stated['format']}, expected {_FORMAT}")
            fields = [(name, kind, *map(tuple, rest)) for name, kind, *rest in stated["record"]]
            record = np.dtype(fields)
            digest = stated.pop("sha256")
            count, about = int(stated["count"]), int(stated["about"])
        except (KeyError, TypeError) as error:
            raise ValueError(f"it lacks or garbles {error}") from error
        if record.hasobject or min(count, about) < 0:
            raise ValueError(f"records of type {record}")
        return cls(record, count, about, digest, json.dumps(stated).encode())

    @property
    def bytes(self) -> int:
        return self.count * self.record.itemsize


def _corrupt(path: Path, reason: str) -> DataError:
    return DataError(f"{path} is corrupt ({reason}): delete it and run `seatbelt-vae data prepare`")
