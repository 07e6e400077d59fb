"""A process that holds the locks of all run folders of a sweep."""

import fcntl
import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.synchronize import Event
from pathlib import Path

from tests.faults.killing import started

__all__ = ["held"]


@contextmanager
def held(out: Path) -> Iterator[Event]:
    """Let another process hold all locks until the event is set, or the block ends."""
    context = multiprocessing.get_context("forkserver")
    ready, release = context.Event(), context.Event()
    process = started(_hold, (out, ready, release))
    ready.wait()
    try:
        yield release
    finally:
        release.set()
        process.join()


def _hold(out: Path, ready: Event, release: Event) -> None:
    with (out / ".lock").open("ab") as file:
        fcntl.lockf(file, fcntl.LOCK_EX)
        ready.set()
        release.wait()
