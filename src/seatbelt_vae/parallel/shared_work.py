"""Work that several processes share: each part is done once, a killed process's part again.

Claims are locks on single bytes of one file, so that many parts need one file. The system releases
them when their holder ends, even if it is killed. On Linux and macOS they are POSIX record locks.
Shared disks support those (NFS unless mounted with `nolock`, Lustre with `-o flock`); the locks of
a machine that crashed are released by the server after a while (NFS 4: 90 s by default). POSIX
locks belong to the process: within one process, two claims of one part do not exclude each other.

The library `filelock` locks whole files only: it would need one file per part.
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
    """Do every part that is not done, together with the other processes that share ``path``.

    Yields each part once any process has done it, and whether it was this one; ends when all parts
    are done. No part is done twice; a part that a killed process had started is done by another.

    Args:
        path: the lock file, created if it does not exist.
        parts: number of parts.
        is_done: whether the result of a part is stored.
        work: does one part and stores its result, whole or not at all.

    Raises:
        ArtifactError: the lock file cannot be created, or its disk has no record locks.

    Example:
        >>> import tempfile
        >>> done = {1}
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     lock = Path(folder) / "lock"
        ...     list(share_work(lock, 3, is_done=done.__contains__, work=done.add))
        [(0, True), (1, False), (2, True)]
    """
    with _opened(path) as file:
        left = list(range(parts))
        while left:
            others = []
            for part in left:
                own = _done_here(file, part, is_done, work)
                if own is None:
                    others.append(part)
                else:
                    yield part, own
            if len(others) == len(left):
                time.sleep(_PAUSE)
            left = others


def _done_here(
    file: IO[bytes], part: int, is_done: Callable[[int], bool], work: Callable[[int], None]
) -> bool | None:
    """Do one part unless it is done; whether this call did it, None if another process is at it."""
    if is_done(part):
        return False
    with _claimed(file, part) as mine:
        if not mine:
            return None
        if is_done(part):  # by another process, between the first question and the claim
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
        ArtifactError: the lock file cannot be created, or its disk has no record locks.
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
