"""The work of one job, alone in its run folder and from wherever it was left."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import sleep

from seatbelt_vae.errors import ForeignStateError
from seatbelt_vae.parallel.shared_work import claimed
from seatbelt_vae.parallel.worker_pool import Tell
from seatbelt_vae.runs import digest_of
from seatbelt_vae.sweep.attempts import Attempt
from seatbelt_vae.sweep.done import is_done, is_of
from seatbelt_vae.sweep.job import Job

__all__ = ["do", "lock_of"]

_PAUSE = 0.2
_LOCK_DIGITS = 7


def do(folder: Path, job: Job, tell: Tell, stopped: Callable[[], bool]) -> None:
    """Train, attack and measure, and evaluate one model, each as far as it is not done.

    For a process of its own, whose threads are set. Killed at any moment and begun again, it ends
    in the same weights and rows; another process that is at the same folder is waited for.

    Args:
        folder: the run folder, new or of the same settings.
        job: what is to be done there.
        tell: told how far it is.
        stopped: asked now and then whether to stop.

    Raises:
        SeatbeltError: the job cannot be done.
        ForeignStateError: the folder holds a run, a battery or checkpoints of other settings.
        KeyboardInterrupt: it was to stop, and has at a resumable point.
    """
    with _alone_in(folder, tell, stopped):
        if (folder / "run.json").exists() and not is_of(folder, job):
            raise ForeignStateError(
                f"{folder} holds a run with other settings: give another folder, or delete it"
            )
        if is_done(folder, job):
            return
        tell("getting ready", 0, 1)
        from seatbelt_vae.sweep.parts import Parts

        parts = Parts.ready(folder, job, tell, stopped)
        with Attempt(folder):
            parts.train()
            for attack in job.attacks:
                parts.attack(attack)
            if job.evaluation is not None:
                parts.evaluate(job.evaluation)


def lock_of(folder: Path) -> Path:
    """The file whose records lock run folders; it lies beside them, since they may be new."""
    return folder.parent / ".lock"


@contextmanager
def _alone_in(folder: Path, tell: Tell, stopped: Callable[[], bool]) -> Iterator[None]:
    """Let no other process work in a folder."""
    part = int(digest_of(folder.name)[:_LOCK_DIGITS], 16)
    while True:
        with claimed(lock_of(folder), part) as mine:
            if mine:
                yield
                return
        if stopped():
            raise KeyboardInterrupt
        tell("waiting for another process", 0, 1)
        sleep(_PAUSE)
