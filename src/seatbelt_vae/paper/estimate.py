"""What a plan would cost on this machine, from a few steps and a few rows that are timed."""

import math
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from seatbelt_vae.config import AttackConfig, RunConfig
from seatbelt_vae.paper.plan import Plan
from seatbelt_vae.sweep import Job

if TYPE_CHECKING:
    from seatbelt_vae.data import ImageData

__all__ = ["Cost", "estimate"]

_STEPS, _ROWS = 5, 3
_SECONDS_AN_HOUR = 3600


@dataclass(frozen=True)
class Cost:
    """What a plan would take.

    Args:
        models: run folders.
        steps: optimiser steps of all of them.
        rows: attacks under each protocol, a row a pair and λ.
        training_hours: of one process.
        attack_hours: of one process under each protocol, measures included.
        timed: the models that were timed.
    """

    models: int
    steps: int
    rows: Mapping[str, int]
    training_hours: float
    attack_hours: Mapping[str, float]
    timed: tuple[str, ...]

    @property
    def hours(self) -> float:
        """All of it, of one process."""
        return self.training_hours + sum(self.attack_hours.values())


@dataclass(frozen=True)
class _Pace:
    """Seconds a step, and seconds a pair under each protocol."""

    step: float
    pair: Mapping[str, float]


def estimate(whole: Plan) -> Cost:
    """Time a few steps and rows of the first model with one layer, and of the first with several.

    Attacks of every loss are taken to cost what the first one does, so this is a guide, not a
    promise. Nothing is kept.

    Args:
        whole: the plan.

    Raises:
        DataError: a data set that is timed cannot be had.
    """
    timed: dict[bool, tuple[str, _Pace]] = {}
    steps = 0
    training, attacks = 0.0, dict.fromkeys(("strong", "paper"), 0.0)
    for label, job in whole.jobs.items():
        layered = len(job.run.model.latent_sizes or ()) > 1
        if layered not in timed and job.attacks:
            timed[layered] = (label, _timed(job))
    paces = {layered: pace for layered, (_, pace) in timed.items()}
    for job in whole.jobs.values():
        layered = len(job.run.model.latent_sizes or ()) > 1
        pace = paces.get(layered) or next(iter(paces.values()))
        own = _steps(job.run)
        steps += own
        training += own * pace.step
        for attack in job.attacks:
            attacks[attack.protocol] += attack.pairs * pace.pair[attack.protocol]
    return Cost(
        models=len(whole.jobs),
        steps=steps,
        rows=whole.rows,
        training_hours=training / _SECONDS_AN_HOUR,
        attack_hours={name: seconds / _SECONDS_AN_HOUR for name, seconds in attacks.items()},
        timed=tuple(label for label, _ in timed.values()),
    )


def _timed(job: Job) -> _Pace:
    from seatbelt_vae.attacks import run_battery
    from seatbelt_vae.evaluation import measure_battery
    from seatbelt_vae.models import load_model
    from seatbelt_vae.runs import RunFolder
    from seatbelt_vae.training import train

    data, seen = _data(job.run), []
    with tempfile.TemporaryDirectory() as place:
        short = replace(job.run, training=replace(job.run.training, steps=_STEPS))
        run = RunFolder.create(Path(place, "run"), short)
        train(run, data, on_progress=lambda _: seen.append(perf_counter()))
        pairs = {}
        for protocol in ("strong", "paper"):
            brief = _brief(next(a for a in job.attacks if a.protocol == protocol))
            began = perf_counter()
            battery = run_battery(run, data, brief)
            attacked = perf_counter()
            measure_battery(battery, load_model(run))
            measured = perf_counter() - attacked
            count = next(a.weight_count or 0 for a in job.attacks if a.protocol == protocol)
            pairs[protocol] = (attacked - began) * count / _ROWS + measured
    # the first step also pays for what is made once
    return _Pace((seen[-1] - seen[0]) / (len(seen) - 1), pairs)


def _brief(attack: AttackConfig) -> AttackConfig:
    return replace(attack, pairs=1, weight_count=_ROWS, together=1)


def _steps(run: RunConfig) -> int:
    training = run.training
    if training.steps is not None:
        return training.steps
    return training.epochs * math.floor(len(_data(run).train) / training.batch_size)


def _data(run: RunConfig) -> "ImageData":
    from seatbelt_vae.data.registry import source_of

    return source_of(run.data).load(run.data)
