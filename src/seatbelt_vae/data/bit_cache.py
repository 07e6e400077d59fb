"""Binary images packed eight pixels a byte in one file, written whole and checked when read.

Layout: one line of JSON (format, shape, SHA-256 of the rest), then the packed bytes.
"""

import hashlib
import json
import math
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from seatbelt_vae.errors import ArtifactError, DataError

__all__ = ["cache_folder", "is_there", "read_bits", "write_bits"]

_FORMAT = 1
_HEADER = 256


def cache_folder() -> Path:
    """Where prepared sets are kept: SEATBELT_CACHE, else the user's cache folder."""
    if chosen := os.environ.get("SEATBELT_CACHE"):
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "seatbelt-vae"


def is_there(path: Path) -> bool:
    """Whether a file exists.

    Raises:
        DataError: its folder may not be looked into.
    """
    try:
        return path.exists()
    except OSError as error:
        raise DataError(
            f"cannot look for {path}: {error.strerror}; make its folder readable, or give another"
        ) from error


def write_bits(path: Path, blocks: Iterable[NDArray[np.uint8]], image_bytes: int) -> None:
    """Write packed images, block by block, to a temporary name and rename it.

    Raises:
        ArtifactError: the disk is full or the place cannot be written; nothing is left behind.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        digest, count = hashlib.sha256(), 0
        with temporary.open("wb") as file:
            file.write(bytes(_HEADER))
            for block in blocks:
                data = np.ascontiguousarray(block).tobytes()
                digest.update(data)
                count += len(data) // image_bytes
                file.write(data)
            about = {"format": _FORMAT, "shape": [count, image_bytes], "sha256": digest.hexdigest()}
            file.seek(0)
            file.write(json.dumps(about).encode().ljust(_HEADER - 1) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise ArtifactError(
            f"cannot write {path}: {error.strerror or error}; free some space, or set "
            f"SEATBELT_CACHE to another folder"
        ) from error
    finally:
        # where nothing could be written there is nothing to remove either
        with suppress(OSError):
            temporary.unlink()


def read_bits(path: Path, shape: tuple[int, int]) -> NDArray[np.uint8]:
    """Packed images (N, bytes an image), mapped from the file after its digest is checked.

    Raises:
        DataError: unreadable, truncated, corrupt, or of another shape.
    """
    try:
        with path.open("rb") as file:
            about = json.loads(file.read(_HEADER))
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            size = file.tell()
    except ValueError as error:
        raise _corrupt(path, f"its first line is no header: {error}") from error
    except OSError as error:
        raise DataError(
            f"cannot read {path}: {error.strerror}; make it readable, or set SEATBELT_CACHE to "
            f"another folder"
        ) from error
    if not isinstance(about, dict) or about.get("shape") != list(shape):
        raise _corrupt(path, f"holds images of shape {about}, expected {shape}")
    if size != _HEADER + math.prod(shape):
        raise _corrupt(path, f"it has {size} bytes, expected {_HEADER + math.prod(shape)}")
    if about.get("format") != _FORMAT or about.get("sha256") != digest:
        raise _corrupt(path, "its contents do not match its digest")
    return np.memmap(path, np.uint8, "r", offset=_HEADER, shape=shape)


def _corrupt(path: Path, reason: str) -> DataError:
    return DataError(f"{path} is corrupt ({reason}): delete it and run `seatbelt-vae data prepare`")
