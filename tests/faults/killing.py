"""Processes that receive SIGKILL, forked from the fork server of the suite."""

import multiprocessing
import random
import signal
import time
from collections.abc import Callable, Sequence
from multiprocessing.context import ForkServerProcess

__all__ = ["in_process", "killed_until_done", "started"]

_CONTEXT = multiprocessing.get_context("forkserver")

_PATIENCE = 100.0

Work = Callable[..., None]


def in_process(work: Work, *arguments: object) -> None:
    """Run the work to its end in a separate process."""
    process = started(work, arguments)
    process.join()
    assert process.exitcode == 0


def killed_until_done(
    work: Work, *arguments: object, moments: Sequence[Callable[[], object]], seed: int
) -> None:
    """Start the work once per moment and kill it there; then run it to its end.

    Args:
        work, arguments: what is run.
        moments: what the killer waits for to change, one a kill; up to 0.05 s later it strikes.
        seed: seed of how much later.
    """
    later = random.Random(seed)
    for moment in moments:
        before = moment()
        process = started(work, arguments)
        deadline = time.monotonic() + _PATIENCE
        while moment() == before and process.is_alive() and time.monotonic() < deadline:
            time.sleep(0.0005)
        time.sleep(later.choice([0, later.uniform(0, 0.05)]))
        process.kill()
        process.join()
        assert process.exitcode == -signal.SIGKILL, "it ended before it was killed"
        process.close()
    in_process(work, *arguments)


def started(work: Work, arguments: Sequence[object]) -> ForkServerProcess:
    """A process that does the work."""
    process = _CONTEXT.Process(target=work, args=arguments)
    process.start()
    return process
