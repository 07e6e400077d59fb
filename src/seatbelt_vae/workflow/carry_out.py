"""Runs one job in its folder, or resumes it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from time import sleep
from typing import TYPE_CHECKING

from seatbelt_vae.config import AttackConfig, EvaluationConfig
from seatbelt_vae.errors import ForeignStateError
from seatbelt_vae.parallel.process_settings import tune_process
from seatbelt_vae.parallel.shared_work import claimed
from seatbelt_vae.parallel.worker_pool import ProgressReporter
from seatbelt_vae.runs import RunFolder, digest_of
from seatbelt_vae.workflow.attempts import Attempt, training_seconds
from seatbelt_vae.workflow.job import Hardening, Job
from seatbelt_vae.workflow.status import is_attacked, is_done, is_evaluated, is_of, is_trained

if TYPE_CHECKING:
    from seatbelt_vae.data import ImageData
    from seatbelt_vae.subjects import Subject
    from seatbelt_vae.training import Progress

__all__ = ["assess", "carry_out", "lock_of"]

_PAUSE = 0.2
_LOCK_DIGITS = 7
_STEPS_BETWEEN_NEWS = 10


def carry_out(folder: Path, job: Job, tell: ProgressReporter, stopped: Callable[[], bool]) -> None:
    """Train, attack, measure and evaluate one model; finished steps are skipped.

    Sets the number of threads of the process. A job that is killed at any time and started again
    gives the same weights and rows. While another process works in the folder, the call waits.

    Args:
        folder: the run folder, new or of the same settings.
        job: the steps.
        tell: called with the progress.
        stopped: polled between the parts of a step; true requests a stop.

    Raises:
        SeatbeltError: the job failed.
        ForeignStateError: the folder holds a run, a suite or checkpoints of other settings.
        KeyboardInterrupt: a stop was requested, and the job is at a resumable point.
    """
    with _alone_in(folder, tell, stopped):
        if (folder / "run.json").exists() and not is_of(folder, job):
            raise ForeignStateError(
                f"{folder} holds a run with other settings: give another folder, or move it away"
            )
        if is_done(folder, job):
            return
        tell("getting ready", 0, 1)
        from seatbelt_vae.data import load_for

        # load the data first, so that settings that do not fit it leave no run folder
        data = load_for(job.run)
        new = not (folder / "run.json").exists()
        if new and not job.hardening:
            RunFolder.create(folder, job.run)
        before = training_seconds(job.hardening.source) if job.hardening else None
        with Attempt(folder, before or 0.0) as attempt:
            if new and job.hardening:
                _harden(folder, job.hardening, data, attempt, tell, stopped)
            run = RunFolder.open(folder)
            steps = _Steps(folder, data, job, tell, stopped, partial(_trained, run))
            steps.train(run, attempt)
            steps.measure()


def assess(
    folder: Path, target: str, job: Job, tell: ProgressReporter, stopped: Callable[[], bool]
) -> None:
    """Attack, measure and evaluate the model of a target, as `carry_out` does after training.

    Args:
        folder: the folder of results, new or of the same model.
        target: the model, see `open_subject`.
        job: settings of data, attacks and evaluation; the others are those of the known training.
        tell, stopped: as of `carry_out`.

    Raises:
        SeatbeltError: the job failed.
        ForeignStateError: the folder holds results of another model or of other images.
        KeyboardInterrupt: a stop was requested, and the job is at a resumable point.
    """
    with _alone_in(folder, tell, stopped):
        tell("getting ready", 0, 1)
        from seatbelt_vae.data.registry import source_of
        from seatbelt_vae.subjects import open_subject, store_subject

        data = source_of(job.run.data).load(job.run.data)
        judged = open_subject(target, data).judged_on(job.run.data)
        subject = store_subject(judged, folder)
        with Attempt(folder):
            _Steps(folder, data, job, tell, stopped, lambda: subject).measure()


def _trained(run: RunFolder) -> "Subject":
    from seatbelt_vae.subjects import subject_of_run

    return subject_of_run(run)


@dataclass(frozen=True)
class _Steps:
    """The steps of one job; finished steps are skipped, and the model is loaded once."""

    folder: Path
    data: "ImageData"
    job: Job
    tell: ProgressReporter
    stopped: Callable[[], bool]
    load: "Callable[[], Subject]"

    def train(self, run: RunFolder, attempt: Attempt) -> None:
        from seatbelt_vae.workflow.steps import train_run

        if is_trained(self.folder):
            return

        def report(now: "Progress") -> None:
            attempt.count_step(now.step, now.steps)
            if now.step % _STEPS_BETWEEN_NEWS == 0 or now.step == now.steps:
                self.tell("training", now.step, now.steps, f"ELBO {now.terms['elbo']:.1f} nats")

        tune_process(self.job.threads)
        train_run(run, self.data, report, self.stopped, self.job.run)

    def measure(self) -> None:
        for attack in self.job.attacks:
            self._attack(attack)
        if self.job.evaluation is not None:
            self._evaluate(self.job.evaluation)

    def _attack(self, attack: AttackConfig) -> None:
        from seatbelt_vae.workflow.steps import attack_subject

        if not is_attacked(self.folder, attack):
            tune_process(attack.threads or self.job.threads)
            attack_subject(self._subject, self.data, attack, between=self._between)

    def _evaluate(self, evaluation: EvaluationConfig) -> None:
        from seatbelt_vae.workflow.steps import evaluate_subject

        if not is_evaluated(self.folder, evaluation):
            tune_process(evaluation.threads or self.job.threads)
            evaluate_subject(self._subject, self.data, evaluation, between=self._between)

    @cached_property
    def _subject(self) -> "Subject":
        return self.load()

    def _between(self, what: str, done: int, total: int) -> None:
        if self.stopped():
            raise KeyboardInterrupt
        self.tell(what, done, total)


def _harden(
    folder: Path,
    hardening: Hardening,
    data: "ImageData",
    attempt: Attempt,
    tell: ProgressReporter,
    stopped: Callable[[], bool],
) -> None:
    """Harden the source into the folder, from the newest checkpoint."""
    from seatbelt_vae.hardening import defend

    def report(step: int, steps: int, _: dict[str, float]) -> None:
        attempt.count_step(step, steps)
        if step % _STEPS_BETWEEN_NEWS == 0 or step == steps:
            tell("hardening", step, steps)

    tune_process(hardening.config.threads or 1)
    source, config = RunFolder.open(hardening.source), hardening.config
    if defend(source, data, config, out=folder, on_progress=report, stop=stopped) is None:
        raise KeyboardInterrupt


def lock_of(folder: Path) -> Path:
    """The lock file of a folder of runs; its record locks protect run folders before they exist."""
    return folder.parent / ".lock"


@contextmanager
def _alone_in(folder: Path, tell: ProgressReporter, stopped: Callable[[], bool]) -> Iterator[None]:
    """Hold the lock of a run folder during the block."""
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
