"""Every call that differs between Linux, macOS and Windows; no other module is system-specific."""

import ctypes
import errno
import multiprocessing
import os
import platform
import signal
import sys
from collections.abc import Sequence
from multiprocessing.context import BaseContext
from pathlib import Path
from typing import IO

__all__ = [
    "available_cores",
    "cause_of_death",
    "keep_freed_memory",
    "processor_name",
    "start_context",
    "sync_directory",
    "try_lock",
    "unlock",
]

_ON_LINUX = sys.platform == "linux"
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of glibc's mallopt
_LARGE, _NEVER = 2**30, 2**31 - 1
_WINDOWS_EXCEPTIONS = 0xC0000000

if sys.platform == "win32":
    import msvcrt

    def _lock(file: IO[bytes], byte: int) -> None:
        os.lseek(file.fileno(), byte, os.SEEK_SET)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)

    def unlock(file: IO[bytes], byte: int) -> None:
        """Release what `try_lock` got."""
        os.lseek(file.fileno(), byte, os.SEEK_SET)
        msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)

    def sync_directory(path: Path) -> None:
        """Do nothing: Windows opens no directories, and NTFS logs renames by itself."""

else:
    import fcntl

    def _lock(file: IO[bytes], byte: int) -> None:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, byte)

    def unlock(file: IO[bytes], byte: int) -> None:
        """Release what `try_lock` got."""
        fcntl.lockf(file, fcntl.LOCK_UN, 1, byte)

    def sync_directory(path: Path) -> None:
        """Write a directory's entries to disk, so that a rename survives a power cut."""
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def try_lock(file: IO[bytes], byte: int) -> bool:
    """Lock one byte of an open file, which need not be that long; False if another process has it.

    The system releases the lock when the process ends, even if it is killed.

    Args:
        file: open for writing.
        byte: its position, below 2³¹.

    Raises:
        OSError: the disk has no record locks.
    """
    try:
        _lock(file, byte)
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EAGAIN):
            raise
        return False
    return True


def available_cores() -> int:
    """Number of CPU cores that this process may use; without affinity, those of the machine."""
    affinity = getattr(os, "sched_getaffinity", None)
    return os.cpu_count() or 1 if affinity is None else len(affinity(0))


def keep_freed_memory() -> None:
    """Let the allocator reuse large freed blocks; nothing to do without glibc.

    glibc returns every large freed block to the system, and receives the next one zeroed page by
    page. Attacks allocate activations in every evaluation: that is a third of their time.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if _ON_LINUX else None
    if mallopt is not None:  # musl has none
        mallopt(_MMAP_THRESHOLD, _LARGE)
        mallopt(_TRIM_THRESHOLD, _NEVER)


def start_context(preload: Sequence[str] = ()) -> BaseContext:
    """How new processes start: forked from a clean server on Linux, spawned elsewhere.

    Args:
        preload: modules that the server imports once. On macOS, libraries that have threads may
            not outlive a fork, so that every process imports them itself.
    """
    if not _ON_LINUX:
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(preload))
    return context


def cause_of_death(exit_code: int) -> str | None:
    """Name of the signal or Windows exception that ended a process; None if it ended by itself.

    Example:
        >>> cause_of_death(-signal.SIGTERM), cause_of_death(0xC0000017), cause_of_death(1)
        ('SIGTERM', 'exception 0xc0000017', None)
    """
    if exit_code < 0:
        return signal.Signals(-exit_code).name
    return f"exception {exit_code:#x}" if exit_code >= _WINDOWS_EXCEPTIONS else None


def processor_name() -> str:
    """Model name of the processor; on systems without ``/proc``, as `platform` gives it."""
    facts = Path("/proc/cpuinfo")
    lines = facts.read_text(encoding="utf-8").splitlines() if facts.exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
