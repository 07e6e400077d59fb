"""The parts of a job, each skipped if it is done: training, attacks and measures, evaluation."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self

from seatbelt_vae.attacks import run_battery
from seatbelt_vae.config import AttackConfig, EvaluationConfig
from seatbelt_vae.data import ImageData, load_for
from seatbelt_vae.evaluation import evaluate, measure_battery
from seatbelt_vae.models import HierarchicalVAE, load_model
from seatbelt_vae.parallel.own_process import tune_process
from seatbelt_vae.parallel.worker_pool import Tell
from seatbelt_vae.runs import RunFolder
from seatbelt_vae.sweep.done import (
    is_attacked,
    is_evaluated,
    is_trained,
    with_what_is_measured,
)
from seatbelt_vae.sweep.job import Job
from seatbelt_vae.training import Progress, train

__all__ = ["Parts"]

_STEPS_BETWEEN_NEWS = 10


@dataclass(frozen=True)
class Parts:
    """What the parts of one job share.

    Args:
        run: its folder.
        data: the data set its settings name.
        threads: CPU threads of a part whose own settings name none.
        tell, stopped: as of `seatbelt_vae.sweep.do`.
    """

    run: RunFolder
    data: ImageData
    threads: int
    tell: Tell
    stopped: Callable[[], bool]

    @classmethod
    def ready(cls, folder: Path, job: Job, tell: Tell, stopped: Callable[[], bool]) -> Self:
        """The data first: settings that do not fit it leave no run folder behind."""
        data = load_for(job.run)
        new = not (folder / "run.json").exists()
        run = RunFolder.create(folder, job.run) if new else RunFolder.open(folder)
        return cls(run, data, job.threads, tell, stopped)

    def train(self) -> None:
        """Train the model."""
        if is_trained(self.run.path):
            return

        def told(now: Progress) -> None:
            if now.step % _STEPS_BETWEEN_NEWS == 0 or now.step == now.steps:
                self.tell("training", now.step, now.steps, f"ELBO {now.terms['elbo']:.1f} nats")

        tune_process(self.threads)
        train(self.run, self.data, on_progress=told, stop=self.stopped)
        if self.stopped():
            raise KeyboardInterrupt

    def attack(self, attack: AttackConfig) -> None:
        """Attack the model with one battery, and measure what came of it."""
        if is_attacked(self.run.path, attack):
            return
        tune_process(attack.threads or self.threads)
        self._between("attacking", 0, attack.pairs)
        battery = run_battery(
            self.run,
            self.data,
            attack,
            on_pairs=lambda now: self._between("attacking", now.done, now.pairs),
        )
        measure_battery(
            battery,
            self._model,
            on_progress=lambda done, pairs: self._between("measuring", done, pairs),
        )

    def evaluate(self, evaluation: EvaluationConfig) -> None:
        """Measure the model on held-out images."""
        if is_evaluated(self.run.path, evaluation):
            return
        tune_process(evaluation.threads or self.threads)
        evaluate(
            self.run,
            self.data,
            with_what_is_measured(self.run.path, evaluation),
            on_progress=lambda what, done, total: self._between(f"evaluating {what}", done, total),
        )

    @cached_property
    def _model(self) -> HierarchicalVAE:
        return load_model(self.run)

    def _between(self, what: str, done: int, total: int) -> None:
        if self.stopped():
            raise KeyboardInterrupt
        self.tell(what, done, total)
