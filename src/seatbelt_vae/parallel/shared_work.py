"""Work shared by several processes: each part is done once, or again if its process was killed.

A claim is a lock on one byte of a file, so that all parts need only one file. The system releases a
claim when its process ends, even if it is killed. On Linux and macOS these are POSIX record locks.
Network file systems support them: NFS unless mounted with `nolock`, Lustre with `-o flock`. After a
crash of a machine the server releases its locks with a delay (NFS 4: 90 s by default). POSIX locks
belong to the process: two claims of one part within a process do not exclude each other.

The library `filelock` locks whole files only and would need one file per part.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from seatbelt_vae.errors import ArtifactError
from seatbelt_vae.parallel.operating_system import try_lock, unlock

__all__ = ["claimed", "share_work"]

_PAUSE = 0.2


def share_work(
    path: Path, parts: int, *, is_done: Callable[[int], bool], work: Callable[[int], None]
) -> Iterator[tuple[int, bool]]:
    """Do all unfinished parts, shared with the other processes that use ``path``.

    Yields each finished part, and whether this process did it; ends when all parts are finished. No
    part is done twice. The part of a killed process is done by another process.

    Args:
        path: the lock file, created if it does not exist.
        parts: number of parts.
        is_done: whether the result of a part is stored.
        work: does one part and stores its result atomically.

    Raises:
        ArtifactError: the lock file cannot be created, or its file system has no record locks.

    Example:
        >>> import tempfile
        >>> done = {1}
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     lock = Path(folder) / "lock"
        ...     list(share_work(lock, 3, is_done=done.__contains__, work=done.add))
        [(0, True), (1, False), (2, True)]
    """
    with _opened(path) as file:
        remaining = list(range(parts))
        while remaining:
            claimed_elsewhere = []
            for part in remaining:
                done_here = _do(file, part, is_done, work)
                if done_here is None:
                    claimed_elsewhere.append(part)
                else:
                    yield part, done_here
            if len(claimed_elsewhere) == len(remaining):
                time.sleep(_PAUSE)
            remaining = claimed_elsewhere


def _do(
    file: IO[bytes], part: int, is_done: Callable[[int], bool], work: Callable[[int], None]
) -> bool | None:
    """Do one unfinished part; whether this call did it, None if another process has claimed it."""
    if is_done(part):
        return False
    with _claimed(file, part) as mine:
        if not mine:
            return None
        if is_done(part):  # finished by another process between the first check and the claim
            return False
        work(part)
        return True


@contextmanager
def claimed(path: Path, part: int) -> Iterator[bool]:
    """Claim a part until the block ends; yields False if another process holds it.

    Args:
        path: the lock file, created if it does not exist.
        part: a number below 2³¹.

    Raises:
        ArtifactError: the lock file cannot be created, or its file system has no record locks.
    """
    with _opened(path) as file, _claimed(file, part) as mine:
        yield mine


def _opened(path: Path) -> IO[bytes]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("ab")
    except OSError as error:
        raise ArtifactError(
            f"cannot write {path}: {error.strerror}; choose a folder that can be written"
        ) from error


@contextmanager
def _claimed(file: IO[bytes], part: int) -> Iterator[bool]:
    try:
        mine = try_lock(file, part)
    except OSError as error:
        raise ArtifactError(
            f"cannot lock {file.name}: {error.strerror}; mount its disk with record locks, or "
            f"choose a folder on another"
        ) from error
    try:
        yield mine
    finally:
        if mine:
            unlock(file, part)
