"""Signals: SIGTERM is handled like Ctrl-C, and training stops between two steps."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["Interrupted", "stoppable", "terminable"]


class Interrupted(KeyboardInterrupt):
    """A signal interrupted the program.

    Args:
        number: number of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.code = 128 + number


def _raise(number: int, _frame: FrameType | None) -> None:
    raise Interrupted(number)


@contextmanager
def terminable() -> Iterator[None]:
    """Raise `Interrupted` on SIGTERM, so that the same code handles SIGTERM and Ctrl-C."""
    received: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        received.append(number)
        _raise(number, frame)

    before = signal.signal(signal.SIGTERM, note)
    try:
        yield
    except KeyboardInterrupt as interruption:
        if received and not isinstance(interruption, Interrupted):  # Ray replaces the exception
            raise Interrupted(received[0]) from interruption
        raise
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def stoppable() -> Iterator[Callable[[], bool]]:
    """Yield a function that returns whether a signal has arrived; a second signal raises at once.

    Raises:
        Interrupted: at the end of the block, if a signal has arrived.
    """
    received: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        if received:
            _raise(number, frame)
        received.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(received)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if received:
        raise Interrupted(received[0])
