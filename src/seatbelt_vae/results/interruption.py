"""A call that signals and a time limit stop."""

import math
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from seatbelt_vae.errors import QueryTimeoutError

__all__ = ["abandoned", "interruptible"]

T = TypeVar("T")

_THREAD = "seatbelt-vae query"
_POLL = 0.1  # seconds
_GRACE = 0.3


def interruptible(
    work: Callable[[], T],
    stop: Callable[[], None],
    abandon: Callable[[], None],
    timeout: float | None = None,
) -> T:
    """The result of ``work``, which runs in a thread so that Python handles signals meanwhile.

    Args:
        work: a call that releases the GIL.
        stop: asks ``work`` to end, on `KeyboardInterrupt` or at the time limit.
        abandon: called if ``work`` does not end at once; its thread continues in the background.
        timeout: seconds.

    Raises:
        QueryTimeoutError: ``work`` took longer than ``timeout``.
    """
    results: list[T] = []
    errors: list[BaseException] = []
    ended = threading.Event()  # Thread.join that a signal interrupts counts the thread as ended

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:
            errors.append(error)
        ended.set()

    thread = threading.Thread(target=run, name=_THREAD, daemon=True)
    thread.start()
    deadline = math.inf if timeout is None else time.monotonic() + timeout
    try:
        # poll: a signal does not end a wait on Windows, or if another thread receives it
        while not ended.wait(min(_POLL, max(0.0, deadline - time.monotonic()))):
            if time.monotonic() >= deadline:
                raise QueryTimeoutError(f"the query exceeded its time limit of {timeout:g} s")
    except BaseException:
        stop()
        if not ended.wait(_GRACE):
            abandon()
            raise
        thread.join()
        raise
    thread.join()
    if errors:
        raise errors[0]
    return results[0]


def abandoned() -> bool:
    """Whether an abandoned call still runs, so that the interpreter cannot shut down cleanly."""
    return any(thread.name == _THREAD for thread in threading.enumerate())
