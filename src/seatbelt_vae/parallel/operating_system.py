"""All calls that differ between Linux, macOS and Windows."""

import ctypes
import errno
import multiprocessing
import os
import platform
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.context import BaseContext
from pathlib import Path
from typing import IO

__all__ = [
    "STOP_SIGNALS",
    "available_cores",
    "cause_of_death",
    "ignore_stop_signals",
    "keep_freed_memory",
    "processor_name",
    "start_context",
    "stop_signals_held",
    "sync_directory",
    "try_lock",
    "unlock",
]

STOP_SIGNALS = tuple(
    signal.Signals[name]
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGBREAK")
    if hasattr(signal, name)
)
"""Signals that request a stop: Ctrl-C, ``kill``, a closed terminal, and the warnings of SLURM.

SLURM sends ``--signal=USR1@60`` 60 s before the time limit, and to every process of a job step.
"""

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
        """Release a lock of `try_lock`."""
        os.lseek(file.fileno(), byte, os.SEEK_SET)
        msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)

    def sync_directory(path: Path) -> None:
        """Do nothing: Windows cannot open directories, and NTFS journals renames."""

else:
    import fcntl

    def _lock(file: IO[bytes], byte: int) -> None:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, byte)

    def unlock(file: IO[bytes], byte: int) -> None:
        """Release a lock of `try_lock`."""
        fcntl.lockf(file, fcntl.LOCK_UN, 1, byte)

    def sync_directory(path: Path) -> None:
        """Write a directory's entries to disk, so that a rename survives a power cut."""
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def try_lock(file: IO[bytes], byte: int) -> bool:
    """Lock one byte of an open file, also beyond its end; False if another process holds the lock.

    The system releases the lock when the process ends, even if it is killed.

    Args:
        file: a file opened for writing.
        byte: position of the byte, below 2³¹.

    Raises:
        OSError: the file system has no record locks.
    """
    try:
        _lock(file, byte)
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EAGAIN):
            raise
        return False
    return True


def available_cores() -> int:
    """Number of CPU cores that this process may use: its affinity, else all of the machine."""
    affinity = getattr(os, "sched_getaffinity", None)
    return os.cpu_count() or 1 if affinity is None else len(affinity(0))


def keep_freed_memory() -> None:
    """Let the allocator of glibc reuse large freed blocks; other allocators are left unchanged.

    glibc returns every large freed block to the system, which zeroes the next one page by page.
    Attacks allocate activations in every evaluation; the zeroing takes a third of their time.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if _ON_LINUX else None
    if mallopt is not None:  # the C library musl has no mallopt
        mallopt(_MMAP_THRESHOLD, _LARGE)
        mallopt(_TRIM_THRESHOLD, _NEVER)


def start_context(preload: Sequence[str] = ()) -> BaseContext:
    """The start method of new processes: a fork server on Linux, spawning elsewhere.

    Args:
        preload: modules that the fork server imports once. Spawned processes ignore it and import
            modules themselves.
    """
    if not _ON_LINUX:
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(preload))
    return context


def ignore_stop_signals() -> None:
    """Ignore `STOP_SIGNALS` in this process, which its parent stops instead."""
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)


@contextmanager
def stop_signals_held() -> Iterator[None]:
    """Deliver `STOP_SIGNALS` at the end of the block; processes started in it never receive them.

    A signal to a process group reaches the parent only, also if it arrives while a process starts
    that has yet to ignore it, such as the fork server. Windows has no such mask.
    """
    mask = getattr(signal, "pthread_sigmask", None)
    if mask is None:
        yield
        return
    block, restore = (getattr(signal, name) for name in ("SIG_BLOCK", "SIG_SETMASK"))
    before = mask(block, STOP_SIGNALS)
    try:
        yield
    finally:
        mask(restore, before)


def cause_of_death(exit_code: int) -> str | None:
    """Name of the signal or Windows exception that ended a process; None if it exited.

    Example:
        >>> cause_of_death(-signal.SIGTERM), cause_of_death(0xC0000017), cause_of_death(1)
        ('SIGTERM', 'exception 0xc0000017', None)
    """
    if exit_code < 0:
        # most real-time signals have no name
        names = {number.value: number.name for number in signal.Signals}
        return names.get(-exit_code, f"signal {-exit_code}")
    return f"exception {exit_code:#x}" if exit_code >= _WINDOWS_EXCEPTIONS else None


def processor_name() -> str:
    """Model name of the processor, from ``/proc/cpuinfo`` or else from `platform.processor`."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:  # another system, or a sandbox
        lines = []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
