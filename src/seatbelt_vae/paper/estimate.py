"""The cost of a plan on this machine, extrapolated from a few timed steps and attacks."""

import math
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from seatbelt_vae.config import AttackConfig, ObjectiveConfig
from seatbelt_vae.config.hardening import HardeningConfig
from seatbelt_vae.errors import DataError
from seatbelt_vae.paper.experiment_jobs import Plan, level_count, missing_sets, sets_of
from seatbelt_vae.paper.quantities import STRENGTHS
from seatbelt_vae.workflow import Job

if TYPE_CHECKING:
    from seatbelt_vae.data import ImageData
    from seatbelt_vae.subjects import Subject

__all__ = ["Cost", "estimate"]

_STEPS, _ROWS, _BUDGETED_PAIRS = 10, 25, 2
_LEVELS = 5  # number of λ of the published attack, which takes seconds per row
_SECONDS_PER_HOUR = 3600


@dataclass(frozen=True)
class Cost:
    """The cost of a plan.

    Args:
        models: number of run folders.
        steps: optimiser steps of all models.
        rows: attacks at each of the two strengths, one row per pair and λ.
        training_hours: hours of one process.
        attack_hours: hours of one process by strength, including the measures of a suite.
        timed: the models that were timed.
        missing: one line for each data set that is not on this machine, by name; its models are
            not counted.
    """

    models: int
    steps: int
    rows: int
    training_hours: float
    attack_hours: Mapping[str, float]
    timed: tuple[str, ...]
    missing: Mapping[str, str]

    @property
    def hours(self) -> float:
        """Total hours of one process."""
        return self.training_hours + sum(self.attack_hours.values())


_AttackKind = tuple[str, str]
"""Strength and loss."""

_Kind = tuple[str, bool, ObjectiveConfig, str]
"""The data set of a model, whether it has several layers, its defence and its network."""


@dataclass(frozen=True)
class _Pace:
    """Seconds per step, per pair by strength and loss, and of a hardening."""

    step: float
    pair: Mapping[_AttackKind, float]
    hardening: float = 0.0


def estimate(whole: Plan) -> Cost:
    """Time a few steps and pairs of the first model of each kind.

    The kind is: the data set, one layer or several, the defence and the network. All models of a
    kind are assumed to cost the same. The evaluation of models is left out; it takes seconds,
    except for attacks downstream (``table1``, ``defended-probes``). Models without a data set on
    this machine are left out, as in `reproduce`. All files are temporary.

    Args:
        whole: the plan.

    Raises:
        DataError: none of the data sets is on this machine.
    """
    every = dict(sets_of(whole))
    sets = {name: data for name, data in every.items() if not isinstance(data, DataError)}
    missing = missing_sets(every)
    if not sets:
        raise DataError("; ".join(missing.values()))
    here = {label: job for label, job in whole.jobs.items() if job.run.data.name in sets}
    return _cost(replace(whole, jobs=here), sets, missing)


def _cost(whole: Plan, sets: Mapping[str, "ImageData"], missing: Mapping[str, str]) -> Cost:
    first: dict[_Kind, str] = {}
    kinds = {label: _kind(job) for label, job in whole.jobs.items()}
    # attacked models first: those of the Swiss roll are not attacked
    for label in sorted(whole.jobs, key=lambda label: not whole.jobs[label].attacks):
        first.setdefault(kinds[label], label)
    every = [attack for job in whole.jobs.values() for attack in job.attacks]
    attacks: dict[_AttackKind, AttackConfig] = {(a.strength, a.loss): a for a in every}
    sources = {kinds[label] for label in whole.sources if label in kinds}
    paces = {
        kind: _timed(
            job := whole.jobs[label],
            sets[job.run.data.name],
            attacks,
            whole.size.hardening if kind in sources else None,
        )
        for kind, label in first.items()
    }
    steps, training = 0, 0.0
    attacking = dict.fromkeys([a.strength for a in every] or STRENGTHS, 0.0)
    for label, job in whole.jobs.items():
        pace = paces[kinds[label]]
        hardened = label in whole.sources
        count = whole.size.hardening.steps if hardened else _steps(job, sets[job.run.data.name])
        steps += count
        training += pace.hardening if hardened else count * pace.step
        for attack in job.attacks:
            attacking[attack.strength] += attack.pairs * pace.pair[attack.strength, attack.loss]
    return Cost(
        models=len(whole.jobs),
        steps=steps,
        rows=whole.rows,
        training_hours=training / _SECONDS_PER_HOUR,
        attack_hours={name: seconds / _SECONDS_PER_HOUR for name, seconds in attacking.items()},
        timed=tuple(first.values()),
        missing=missing,
    )


def _kind(job: Job) -> _Kind:
    """Everything that decides the cost of a step, see `estimate`."""
    layered = len(job.run.model.latent_sizes or ()) > 1
    defence = replace(job.run.objective, beta=None, defence_radius=None)
    return job.run.data.name, layered, defence, job.run.model.network


def _timed(
    job: Job,
    data: "ImageData",
    attacks: Mapping[_AttackKind, AttackConfig],
    hardening: HardeningConfig | None,
) -> _Pace:
    from seatbelt_vae.hardening.hardened_subject import duration_of
    from seatbelt_vae.runs import RunFolder
    from seatbelt_vae.subjects import subject_of_run
    from seatbelt_vae.workflow.steps import train_run

    seen = []
    with tempfile.TemporaryDirectory() as place:
        short = replace(job.run, training=replace(job.run.training, steps=_STEPS))
        run = RunFolder.create(Path(place, "run"), short)
        train_run(run, data, lambda _: seen.append(perf_counter()), lambda: False)
        subject = subject_of_run(run)
        pairs = {kind: _seconds_per_pair(subject, data, a) for kind, a in attacks.items()}
        hardened = duration_of(subject, data, hardening) if hardening else 0.0
    # the first step includes one-time set-up
    return _Pace((seen[-1] - seen[0]) / (len(seen) - 1), pairs, hardened)


def _seconds_per_pair(subject: "Subject", data: "ImageData", attack: AttackConfig) -> float:
    """Time a second suite; a small first one includes the one-time set-up."""
    from seatbelt_vae.workflow.steps import attack_subject

    count = level_count(attack)
    levels = min(count, _LEVELS) if attack.strength == "paper" else count
    pairs = min(attack.pairs, _BUDGETED_PAIRS if attack.within_budget else math.ceil(_ROWS / count))
    grid = None if attack.within_budget else levels
    timed = replace(attack, pairs=pairs, weight_count=grid, layers="all", vary=None, among=None)
    seconds = 0.0
    for config in (replace(timed, pairs=1, max_evaluations=10), timed):
        began = perf_counter()
        suite, _ = attack_subject(subject, data, config)
        seconds = (perf_counter() - began) * count / levels
        shutil.rmtree(suite)
    return seconds / pairs


def _steps(job: Job, data: "ImageData") -> int:
    training = job.run.training
    if training.steps is not None:
        return training.steps
    return training.epochs * math.floor(len(data.train) / training.batch_size)
