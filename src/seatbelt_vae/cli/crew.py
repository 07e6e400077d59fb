"""More processes on one suite: each works by itself, and all share what is left to do."""

import multiprocessing
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from seatbelt_vae.errors import SeatbeltError

__all__ = ["crew"]

_PATIENCE = 60.0  # seconds to end after all work is done


@contextmanager
def crew(
    count: int,
    work: Callable[..., object],
    arguments: tuple[Any, ...],
    say: Callable[[str], None],
) -> Iterator[None]:
    """Let ``count`` processes do ``work(*arguments, stopped)`` beside the block.

    They end when the work is done, when the block fails, and when this process is gone. One that
    fails is told of; its share falls to the others.

    Args:
        count: how many; none is fine.
        work: a function of a module; its last argument is a function to call now and then, which
            raises KeyboardInterrupt when it is time to end.
        arguments: of ``work``.
        say: takes one line for each process that failed.
    """
    context = multiprocessing.get_context("spawn")
    members = [
        context.Process(target=_member, args=(work, arguments), daemon=True) for _ in range(count)
    ]
    for member in members:
        member.start()
    try:
        yield
        for member in members:
            member.join(_PATIENCE)
    finally:
        for member in members:
            member.terminate()
            member.join()
    for member in members:
        if member.exitcode:
            say(f"a process ended early (exit code {member.exitcode}); the others did its share")


def _member(work: Callable[..., object], arguments: tuple[Any, ...]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all; the parent ends its crew
    parent = multiprocessing.parent_process()

    def check() -> None:
        if parent is None or not parent.is_alive():
            raise KeyboardInterrupt

    try:
        work(*arguments, check)
    except (SeatbeltError, OSError):
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        return
