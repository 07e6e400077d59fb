"""Atomic writing of files and directories, safe against a killed process."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from seatbelt_vae.errors import ArtifactError
from seatbelt_vae.parallel.operating_system import sync_directory

__all__ = ["atomic_directory", "atomic_write"]

_FULL = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}


def atomic_write(path: Path, data: bytes) -> None:
    """Write ``data`` to a synced temporary file, then rename it to ``path``.

    Raises:
        ArtifactError: the disk is full or the place cannot be written; nothing is left behind.
    """
    temporary = _temporary(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink()
        raise _unwritable(path, error) from error
    sync_directory(path.parent)


@contextmanager
def atomic_directory(path: Path) -> Iterator[Path]:
    """Yield an empty temporary directory, renamed to ``path`` if the block raises no error.

    Raises:
        ArtifactError: the disk is full or the place cannot be written; nothing is left behind.
    """
    temporary = _temporary(path)
    try:
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        yield temporary
        for file in temporary.iterdir():
            with file.open("r+b") as handle:  # Windows syncs only files open for writing
                os.fsync(handle.fileno())
        sync_directory(temporary)
        temporary.rename(path)
    except OSError as error:
        raise _unwritable(path, error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    sync_directory(path.parent)


def _temporary(path: Path) -> Path:
    """A name in the same folder, since a rename must not cross file systems."""
    if not path.name:
        # such as "." and "/"
        raise ArtifactError(f"cannot write {path}: the path has no last name; give another path")
    return path.with_name(f".{path.name}.{os.getpid()}.tmp")


def _unwritable(path: Path, error: OSError) -> ArtifactError:
    remedy = "free some space" if error.errno in _FULL else "make its folder writable"
    return ArtifactError(
        f"cannot write {path}: {error.strerror or error}; any earlier file is unchanged, "
        f"{remedy} or choose another folder"
    )
