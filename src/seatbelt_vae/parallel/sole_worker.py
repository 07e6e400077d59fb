"""A lock that keeps a second process out of a folder and names the first."""

import errno
import json
import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from seatbelt_vae.errors import ArtifactError
from seatbelt_vae.parallel.operating_system import try_lock, unlock

__all__ = ["sole_worker"]

logger = logging.getLogger(__name__)

_BYTE = 2**30  # beyond the content, which Windows would make unreadable for the second process


@contextmanager
def sole_worker(folder: Path, activity: str) -> Iterator[None]:
    """Work in a folder alone; a file such as ``.training`` names host, process and start meanwhile.

    The system releases the lock when the process ends, even if it is killed, see `shared_work`. In
    a folder that cannot be written, or without record locks, the block runs without the lock.

    Args:
        folder: an existing folder.
        activity: the work, for the file and the error of the second process.

    Raises:
        ArtifactError: another process does the same work in the folder.
    """
    path = folder / f".{activity}"
    try:
        file, mine = _locked(path)
    except OSError as error:
        # a write in the block reports a folder that cannot be written
        if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
            logger.warning("cannot lock %s: %s; no second process is noticed", path, error.strerror)
        yield
        return
    with file:
        if not mine:
            raise _occupied(folder, activity, file)
        try:
            with suppress(OSError):  # such as a full disk
                _sign(file)
            yield
        finally:
            with suppress(OSError):  # Windows deletes no open file
                path.unlink()
            unlock(file, _BYTE)


def _locked(path: Path) -> tuple[IO[bytes], bool]:
    """The open file, and whether this process has locked it."""
    while True:
        file = path.open("a+b")
        try:
            mine = try_lock(file, _BYTE)
            if not mine or os.path.samestat(os.fstat(file.fileno()), path.stat()):
                return file, mine
        except FileNotFoundError:  # deleted by its last owner after it was opened
            pass
        except OSError:
            file.close()
            raise
        file.close()


def _sign(file: IO[bytes]) -> None:
    began = datetime.now(UTC).isoformat(" ", timespec="seconds")
    owner = {"host": socket.gethostname(), "process": os.getpid(), "began": began}
    file.truncate(0)
    file.write(json.dumps(owner).encode())
    file.flush()


def _occupied(folder: Path, activity: str, file: IO[bytes]) -> ArtifactError:
    file.seek(0)
    try:
        owner = json.loads(file.read())
        host, process, began = owner["host"], owner["process"], owner["began"]
    except (OSError, ValueError, KeyError, TypeError):  # the first process has yet to sign
        return ArtifactError(f"another process is {activity} {folder}: wait until it ends")
    other = (
        ""
        if host == socket.gethostname()
        else ("; if that machine is lost, its file server releases the lock within minutes")
    )
    return ArtifactError(
        f"another process is {activity} {folder}: process {process} on {host}, since {began}; "
        f"wait until it ends, or stop it{other}"
    )
