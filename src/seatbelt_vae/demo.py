"""The main job in a few minutes: three models trained, attacked and measured side by side.

Each model has a process of its own with one thread: on two cores that beats two threads a model.
This module imports torch only inside those processes.
"""

import multiprocessing
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Event
from pathlib import Path

from seatbelt_vae.config import (
    AttackConfig,
    DataConfig,
    EvaluationConfig,
    ModelConfig,
    RunConfig,
    TrainingConfig,
)
from seatbelt_vae.errors import ArtifactError, ForeignStateError, SeatbeltError
from seatbelt_vae.runs import RunFolder

__all__ = ["DEMO", "DemoProgress", "DemoResult", "Plan", "run_demo"]

_STEPS_BETWEEN_NEWS = 10
_PATIENCE = 60.0  # seconds for a process to reach a resumable point
_SMALL = ModelConfig(filters=(16, 16, 32, 32), features=128, hierarchy_widths=(256, 128))


@dataclass(frozen=True)
class Plan:
    """What the demo does, all of it.

    Args:
        data: the data set.
        models: the models by name; the name is also the run's folder.
        training: how each is trained.
        attack: how each is attacked.
        evaluation: how each is measured; the aggregate posterior is formed by a random part of
            the training images, so that a model takes seconds.
    """

    data: DataConfig
    models: dict[str, ModelConfig]
    training: TrainingConfig
    attack: AttackConfig
    evaluation: EvaluationConfig

    @property
    def steps(self) -> int:
        """Optimiser steps of each model."""
        return self.training.steps or 0

    def with_seed(self, seed: int, steps: int) -> "Plan":
        """The same with another seed and length of training."""
        return replace(
            self,
            training=replace(self.training, seed=seed, steps=steps),
            attack=replace(self.attack, seed=seed),
            evaluation=replace(self.evaluation, seed=seed),
        )

    def run_config(self, name: str) -> RunConfig:
        """The settings of one model's run."""
        return RunConfig(data=self.data, model=self.models[name], training=self.training)


DEMO = Plan(
    data=DataConfig(name="dsprites"),
    models={
        "vae": replace(_SMALL, preset="vae", latent_sizes=(10,)),
        "beta-tcvae": replace(_SMALL, preset="beta-tcvae", latent_sizes=(10,)),
        "seatbelt": replace(_SMALL, preset="seatbelt", latent_sizes=(24, 12, 6)),
    },
    training=TrainingConfig(steps=2200, batch_size=64, learning_rate=3e-3, threads=1),
    attack=AttackConfig(pairs=5, weight_count=21, restarts=2, threads=1),
    evaluation=EvaluationConfig(
        images=500,
        iwae_draws=16,
        aggregate_images=20_000,
        aggregate_queries=250,
        max_chains=32,
        threads=1,
    ),
)
"""The demo as it ships: β is the presets' (6); 21 λ, 2 restarts a row keep it under 6 minutes."""


@dataclass(frozen=True)
class DemoProgress:
    """How far one model is.

    Args:
        model: its name.
        what: ``training``, ``attacking``, ``measuring`` or ``evaluating``.
        done, total: how much of that is done.
        detail: current figures in a few words.
    """

    model: str
    what: str
    done: int
    total: int
    detail: str = ""


@dataclass(frozen=True)
class DemoResult:
    """What the demo leaves.

    Args:
        runs: the finished run folders.
        report: the report's file; None if no model was finished.
        failures: one line for each model that was not finished, by name.
    """

    runs: list[Path]
    report: Path | None
    failures: dict[str, str]


def run_demo(
    out: Path,
    plan: Plan = DEMO,
    *,
    on_progress: Callable[[DemoProgress], None] = lambda _: None,
) -> DemoResult:
    """Train, attack, measure and evaluate every model of ``plan``, then write the report.

    What is finished in ``out`` is kept and what is not is resumed. A model that fails does not
    stop the others.

    Raises:
        ArtifactError: ``out`` holds something that is no demo, or cannot be written.
        ForeignStateError: ``out`` holds a demo with other settings.
        DataError: the data set cannot be had.
        KeyboardInterrupt: passed on after every process has stopped at a resumable point.
    """
    _check(out, plan)
    unfinished = [name for name in plan.models if not _finished(out / name)]
    failures = _work_side_by_side(out, plan, unfinished, on_progress) if unfinished else {}
    runs = [out / name for name in plan.models if name not in failures]
    if not runs:
        return DemoResult([], None, failures)

    from seatbelt_vae.report import write_report

    report = write_report([RunFolder.open(run) for run in runs], out / "report.html")
    return DemoResult(runs, report, failures)


def _check(out: Path, plan: Plan) -> None:
    """Refuse a folder that is not this demo's, before anything is written."""
    if not out.exists():
        return
    own = {*plan.models, "report.html"}
    foreign = (
        [path.name for path in out.iterdir() if path.name not in own] if out.is_dir() else [""]
    )
    if foreign:
        raise ArtifactError(
            f"{out} is not a demo's folder (it holds {foreign[0]!r}): give another with --out"
        )
    for name in plan.models:
        if (out / name / "run.json").exists():
            found = RunFolder.open(out / name).config
            if found != plan.run_config(name):
                raise ForeignStateError(
                    f"{out / name} holds a run with other settings (seed {found.training.seed}, "
                    f"{found.training.steps} steps): expected seed {plan.training.seed} and "
                    f"{plan.steps} steps; give another folder with --out, or delete it"
                )


def _finished(run: Path) -> bool:
    return (run / "evaluation" / "measures.json").exists()


def _work_side_by_side(
    out: Path, plan: Plan, names: list[str], on_progress: Callable[[DemoProgress], None]
) -> dict[str, str]:
    """One process a model; returns one line for each that failed."""
    context = multiprocessing.get_context("spawn")
    stop = context.Event()
    processes: dict[Connection, tuple[str, BaseProcess]] = {}
    for name in names:
        receiving, sending = context.Pipe(duplex=False)
        process = context.Process(target=_member, args=(out / name, name, plan, sending, stop))
        process.start()
        sending.close()  # so that the pipe ends when the process does
        processes[receiving] = (name, process)
    failures = dict.fromkeys(names, "")
    try:
        listening = set(processes)
        while listening:
            for pipe in listening.intersection(wait(listening)):
                if not _listen(pipe, processes[pipe][0], failures, on_progress):
                    listening.remove(pipe)
    except KeyboardInterrupt:
        stop.set()
        raise
    finally:
        for _, started in processes.values():
            started.join(_PATIENCE if stop.is_set() else None)
            started.kill()
    codes = {name: ended.exitcode for name, ended in processes.values()}
    return {
        name: said or f"its process ended with exit code {codes[name]}: run the demo again"
        for name, said in failures.items()
    }


def _listen(
    pipe: Connection,
    name: str,
    failures: dict[str, str],
    on_progress: Callable[[DemoProgress], None],
) -> bool:
    """Take one message; whether there may be more."""
    try:
        message = pipe.recv()
    except EOFError:
        return False
    match message:
        case DemoProgress():
            on_progress(message)
        case str():
            failures[name] = message
        case None:
            del failures[name]
    return True


def _member(run: Path, name: str, plan: Plan, pipe: Connection, stop: Event) -> None:
    """The process of one model."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all; the parent passes it on
    os.environ["OMP_NUM_THREADS"] = "1"
    parent = multiprocessing.parent_process()

    def stopped() -> bool:
        return stop.is_set() or parent is None or not parent.is_alive()

    def tell(what: str, done: int, total: int, detail: str = "") -> None:
        pipe.send(DemoProgress(name, what, done, total, detail))

    try:
        _work(run, plan.run_config(name), plan, tell, stopped)
        pipe.send(None)
    except (SeatbeltError, OSError) as error:
        pipe.send(str(error))
    except KeyboardInterrupt:
        return


def _work(
    run: Path,
    config: RunConfig,
    plan: Plan,
    tell: Callable[..., None],
    stopped: Callable[[], bool],
) -> None:
    """Train, attack, measure and evaluate one model, each as far as it is not done."""
    import torch

    from seatbelt_vae.attacks import run_battery
    from seatbelt_vae.data import load
    from seatbelt_vae.evaluation import evaluate, measure_battery
    from seatbelt_vae.models import load_model
    from seatbelt_vae.training import Progress, train

    def between(what: str, done: int, total: int) -> None:
        if stopped():
            raise KeyboardInterrupt
        tell(what, done, total)

    def trained(now: Progress) -> None:
        if now.step % _STEPS_BETWEEN_NEWS == 0 or now.step == now.steps:
            tell("training", now.step, now.steps, f"ELBO {now.terms['elbo']:.0f} nats")

    torch.set_num_threads(1)
    data = load(config.data.name)
    new = not (run / "run.json").exists()
    folder = RunFolder.create(run, config) if new else RunFolder.open(run)
    train(folder, data, on_progress=trained, stop=stopped)
    between("attacking", 0, plan.attack.pairs)
    battery = run_battery(
        folder,
        data,
        plan.attack,
        on_pair=lambda now: between("attacking", now.pair + 1, now.pairs),
    )
    measure_battery(
        battery,
        load_model(folder),
        on_progress=lambda done, pairs: between("measuring", done, pairs),
    )
    evaluate(
        folder,
        data,
        plan.evaluation,
        on_progress=lambda what, done, total: between(f"evaluating {what}", done, total),
    )
