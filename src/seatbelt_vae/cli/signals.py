"""Being told to stop: SIGTERM is handled as Ctrl-C is, and training stops between two steps."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["Interrupted", "stoppable", "terminable"]


class Interrupted(KeyboardInterrupt):
    """A signal asked the program to stop.

    Args:
        number: the signal's number.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.code = 128 + number


def _raise(number: int, _frame: FrameType | None) -> None:
    raise Interrupted(number)


@contextmanager
def terminable() -> Iterator[None]:
    """Raise `Interrupted` on SIGTERM, so that what Ctrl-C leaves whole it leaves whole too."""
    asked: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        asked.append(number)
        _raise(number, frame)

    before = signal.signal(signal.SIGTERM, note)
    try:
        yield
    except KeyboardInterrupt as interruption:
        if asked and not isinstance(interruption, Interrupted):  # Ray makes a plain one of it
            raise Interrupted(asked[0]) from interruption
        raise
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def stoppable() -> Iterator[Callable[[], bool]]:
    """Yield a function that says whether a stop was asked for; a second signal stops at once.

    Raises:
        Interrupted: at the end of the block, if a stop was asked for.
    """
    asked: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        if asked:
            _raise(number, frame)
        asked.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(asked)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if asked:
        raise Interrupted(asked[0])
