"""Signals: `STOP_SIGNALS` are handled like Ctrl-C, and training stops between two steps."""

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from seatbelt_vae.parallel.operating_system import STOP_SIGNALS

__all__ = ["Interrupted", "stoppable", "terminable"]


class Interrupted(KeyboardInterrupt):
    """A signal interrupted the program.

    Args:
        number: number of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.code = 128 + number


@contextmanager
def terminable() -> Iterator[None]:
    """Raise `Interrupted` on the first of `STOP_SIGNALS`, so that the same code handles Ctrl-C.

    Further signals do not interrupt the clean-up: SLURM warns before it terminates, and a closed
    terminal may send SIGHUP twice.
    """
    received: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        received.append(number)
        if len(received) == 1:
            raise Interrupted(number)

    try:
        with _handled([number for number in STOP_SIGNALS if number != signal.SIGINT], note):
            yield
    except KeyboardInterrupt as interruption:
        if received and not isinstance(interruption, Interrupted):  # Ray replaces the exception
            raise Interrupted(received[0]) from interruption
        raise


@contextmanager
def stoppable() -> Iterator[Callable[[], bool]]:
    """Yield a function that returns whether a signal has arrived; a second Ctrl-C raises at once.

    Raises:
        Interrupted: at the end of the block, if a signal has arrived.
    """
    received: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        received.append(number)
        if number == signal.SIGINT and len(received) > 1:
            raise Interrupted(number)

    with _handled(STOP_SIGNALS, note):
        yield lambda: bool(received)
    if received:
        raise Interrupted(received[0])


@contextmanager
def _handled(
    numbers: Sequence[signal.Signals], handler: Callable[[int, FrameType | None], None]
) -> Iterator[None]:
    """Handle signals during the block, without those the process ignores, as under ``nohup``."""
    before = {number: signal.getsignal(number) for number in numbers}
    handled = [number for number in numbers if before[number] is not signal.SIG_IGN]
    for number in handled:
        signal.signal(number, handler)
    try:
        yield
    finally:
        for number in handled:
            signal.signal(number, before[number])
