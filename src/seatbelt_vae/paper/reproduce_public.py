"""The experiment on public models: attack and measure them, draw and answer; resumable."""

import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from seatbelt_vae.config.checks import one_of
from seatbelt_vae.data import ImageData
from seatbelt_vae.errors import DataError
from seatbelt_vae.paper.experiment_jobs import (
    Part,
    Plan,
    missing_sets,
    of_both_strengths,
    sets_of,
)
from seatbelt_vae.paper.experiments import PUBLIC
from seatbelt_vae.paper.members import MEMBERS, MemberRun, settings_of
from seatbelt_vae.paper.public_models import PublicModel, public_models
from seatbelt_vae.paper.reproduce import (
    Reproduction,
    nothing_finished,
    unfinished_of,
    write_results,
)
from seatbelt_vae.paper.sizes import SIZES, Size
from seatbelt_vae.paper.stored_rows import ROWS, StoredRuns, stored_runs
from seatbelt_vae.parallel.operating_system import available_cores
from seatbelt_vae.parallel.worker_pool import JobProgress, run_jobs
from seatbelt_vae.report.tables import number
from seatbelt_vae.runs import digest_of, read_tensors, write_rows
from seatbelt_vae.sweep.engine import HEAVY
from seatbelt_vae.workflow import Job, assess, is_measured

__all__ = ["reproduce_public"]

_PAIRS = 50


def reproduce_public(
    folder: Path,
    size: Size,
    out: Path,
    *,
    roots: Mapping[str, str] | None = None,
    jobs: int | None = None,
    finished_only: bool = False,
    on_progress: Callable[[JobProgress], None] = lambda _: None,
) -> Reproduction:
    """Attack and measure the public models of a folder, and write the page of results.

    ``out`` has the same files as after `reproduce`. Finished work is kept. Nothing is trained:
    intervals are over pairs, and the claims are answered for these models.

    Args:
        folder: the models, see `public_models`.
        size: effort of attacks and measures; 50 pairs, at size ``smoke`` its own number.
        out: the folder of results.
        roots: folders of data sets that are read from disk, by name.
        jobs: number of models at a time (default: one per core).
        finished_only: start no job, and show the models that are finished.
        on_progress: called with the progress of each model.

    Raises:
        ArtifactError: no public models in the folder, or ``out`` cannot be written.
        ConfigError: ``roots`` names another data set.
        DataError: none of the data sets is on this machine; others are left out, and named.
        SeatbeltError: no model was finished.
        KeyboardInterrupt: passed on after every process has stopped at a resumable point.
    """
    models = {model.name: model for model in public_models(folder)}
    whole = _plan(list(models.values()), size, roots or {})
    found = dict(sets_of(whole))
    here = replace(whole, jobs=_measurable(whole.jobs, found))
    keys = {name: digest_of([name], read_tensors(model.weights)) for name, model in models.items()}
    stored, missing = _stored(out, here, whole, keys, found)
    left = here.without(stored.whole)
    failures: dict[str, str] = {}
    if not finished_only:
        work = {n: _work(out / "runs" / n, models[n], job) for n, job in left.jobs.items()}
        failures = run_jobs(work, on_progress, at_once=jobs or available_cores(), preload=HEAVY)
    done = _finished(out / "runs", left, keys, failures)
    if not (done or stored.names):
        raise nothing_finished(failures)
    _write_members(out / "runs", models, done)
    command, lacking = _command(folder, size, roots or {}), failures or unfinished_of(left, done)
    about = list(_facts(whole))
    results = write_results([PUBLIC], whole, out, stored, command, lacking, missing, about)
    return Reproduction(*results, failures, missing)


def _finished(
    runs: Path, left: Plan, keys: Mapping[str, str], failures: Mapping[str, str]
) -> dict[str, tuple[str, ...]]:
    """The settings of the finished models by name, see `settings_of`."""
    return {
        name: settings_of(keys[name], job)
        for name, job in left.jobs.items()
        if name not in failures and is_measured(runs / name, job)
    }


def _work(folder: Path, model: PublicModel, job: Job) -> Callable[..., None]:
    return partial(assess, folder, str(model.weights.resolve()), job)


def _stored(
    out: Path,
    here: Plan,
    whole: Plan,
    keys: Mapping[str, str],
    sets: Mapping[str, ImageData | DataError],
) -> tuple[StoredRuns, dict[str, str]]:
    """The models of which ``out`` has the rows but no folder, and why data sets are missing.

    Raises:
        DataError: nothing is stored, and none of the data sets is on this machine.
    """
    (out / "runs").mkdir(parents=True, exist_ok=True)
    folders = {keys[name] for name in whole.jobs if (out / "runs" / name).exists()}
    stored = stored_runs(out / ROWS, here, whole, keys, folders)
    lacking = {job.run.data.name for n, job in whole.jobs.items() if n not in stored.whole}
    missing = {name: why for name, why in missing_sets(sets).items() if name in lacking}
    if not (here.jobs or stored.names):
        raise DataError("; ".join(missing.values()))
    return stored, missing


def _plan(models: Sequence[PublicModel], size: Size, roots: Mapping[str, str]) -> Plan:
    """The jobs of all models; their settings of training are those of the project."""
    for name in roots:
        one_of("data set of roots", name, {model.training.data.name for model in models})
    pairs = size.attack.pairs if size is SIZES["smoke"] else _PAIRS
    size = replace(
        size,
        summary=f"models that others trained, on {pairs} pairs of images",
        attack=replace(size.attack, pairs=pairs),
        stand_ins={},
    )
    attacks = tuple(c for attack in PUBLIC.attacks for c in of_both_strengths(attack, size))
    evaluation = replace(size.evaluation, optional_metrics=PUBLIC.optional_metrics)
    jobs = {}
    for model in models:
        data = model.training.data
        run = replace(model.training, data=replace(data, root=roots.get(data.name)))
        jobs[model.name] = Job(run, attacks, evaluation)
    parts = tuple(Part(PUBLIC.id, series, m.name) for m in models for series in m.series)
    return Plan(size, jobs, parts)


def _measurable(
    jobs: Mapping[str, Job], sets: Mapping[str, ImageData | DataError]
) -> dict[str, Job]:
    """The jobs whose data set is here, without MIG for a set without factors."""
    found = {}
    for name, job in jobs.items():
        data = sets[job.run.data.name]
        if isinstance(data, DataError) or job.evaluation is None:
            continue
        known = any(factor.size > 1 for factor in data.factors)
        evaluation = job.evaluation if known else replace(job.evaluation, optional_metrics=())
        found[name] = replace(job, evaluation=evaluation)
    return found


def _write_members(
    runs: Path, models: Mapping[str, PublicModel], done: Mapping[str, tuple[str, ...]]
) -> None:
    """Write the view ``members`` for the finished models, and remove it from all other folders.

    Args:
        runs: the folder of results.
        models: the models by name.
        done: the settings of the finished models by name, see `settings_of`.
    """
    for stale in runs.glob(f"*/{MEMBERS}"):
        stale.unlink()
    for name, settings in done.items():
        roles = tuple((PUBLIC.id, series) for series in models[name].series)
        write_rows(runs / name / MEMBERS, MemberRun(settings, roles).rows)


def _facts(whole: Plan) -> Iterator[tuple[str, str]]:
    """Names and values for the header of the page."""
    runs, attack = [job.run for job in whole.jobs.values()], whole.size.attack
    yield "models", number(len(runs))
    yield "data sets", ", ".join(dict.fromkeys(run.data.name for run in runs))
    yield "β", ", ".join(f"{beta:g}" for beta in sorted({run.objective.beta or 0 for run in runs}))
    epochs = sorted({run.training.epochs for run in runs})
    yield "training", f"by others, {epochs[0]} to {epochs[-1]} epochs, one training of each kind"
    yield "pairs of images", number(attack.pairs)
    yield "attacks of each strength", f"{number(whole.rows)}, {attack.weight_count} λ per pair"


def _command(folder: Path, size: Size, roots: Mapping[str, str]) -> str:
    given = [f"{name}={root}" for name, root in roots.items()]
    words = ["reproduce", "public", "--models", str(folder), "--size", size.name]
    return shlex.join(["seatbelt-vae", *words, *(["--roots", *given] if given else [])])
