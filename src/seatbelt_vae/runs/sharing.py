"""Work that several processes share: each part is done once, and a killed process's part again.

Claims are POSIX record locks: the system releases them when their holder ends, however it ends, and
shared disks know them (NFS unless mounted with `nolock`, Lustre with `-o flock`), where those of a
machine that is gone are released by the server after a while (NFS 4: 90 s unless set otherwise).
They belong to the process: within one, two claims of the same file do not exclude each other.
"""

import errno
import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from seatbelt_vae.errors import ArtifactError

__all__ = ["claimed", "share_work"]

_PAUSE = 0.2


def share_work(
    path: Path, parts: int, *, is_done: Callable[[int], bool], work: Callable[[int], None]
) -> Iterator[tuple[int, bool]]:
    """Do every part that is not done, beside any other process that shares ``path``.

    Yields each part once it is done, by whomever, and whether it was done here; ends when all are.
    Nothing is done twice, and what a killed process had begun is begun again by another.

    Args:
        path: the lock's file, made if need be.
        parts: how many parts there are.
        is_done: whether a part's result is stored.
        work: does one part and stores its result, whole or not at all.

    Raises:
        ArtifactError: the lock's file cannot be made, or its disk has no record locks.

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
    """Do one part unless it is done; whether it was, or None if another process is at it."""
    if is_done(part):
        return False
    with _claimed(file, part) as mine:
        if not mine:
            return None
        # another may have done it between the question and the claim
        if is_done(part):
            return False
        work(part)
        return True


@contextmanager
def claimed(path: Path, part: int) -> Iterator[bool]:
    """Whether this process alone holds a part of what ``path`` locks, until the block ends.

    Args:
        path: the lock's file, made if need be.
        part: a number below 2³¹.

    Raises:
        ArtifactError: the lock's file cannot be made, or its disk has no record locks.
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
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, part)
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EAGAIN):
            raise ArtifactError(
                f"cannot lock {file.name}: {error.strerror}; mount its disk with record locks, or "
                f"choose a folder on another"
            ) from error
        yield False
        return
    try:
        yield True
    finally:
        fcntl.lockf(file, fcntl.LOCK_UN, 1, part)
