"""The paper by one command: train, attack, measure, draw, answer; resumable at every point."""

import shutil
from collections import Counter
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path

from seatbelt_vae.config import RunConfig
from seatbelt_vae.errors import DataError, SeatbeltError
from seatbelt_vae.paper.claims import Answer, answer_all, record_of
from seatbelt_vae.paper.experiment import Experiment
from seatbelt_vae.paper.experiments import EXPERIMENTS
from seatbelt_vae.paper.page import show, write_page
from seatbelt_vae.paper.plan import Part, Plan, plan, sets_of
from seatbelt_vae.paper.sizes import Size
from seatbelt_vae.parallel.worker_pool import News
from seatbelt_vae.results import Store
from seatbelt_vae.runs import RunFolder, read_rows, write_json, write_rows
from seatbelt_vae.sweep import Engine, JobsDone, LocalEngine, run_sweep
from seatbelt_vae.workflow import Job

__all__ = ["ROWS", "Reproduction", "reproduce"]

ROWS = "rows"
"""Folder of the exported store that every drawn number comes from."""

_MEMBERS = Path("evaluation", "members.parquet")


@dataclass(frozen=True)
class Reproduction:
    """What a reproduction leaves.

    Args:
        page: the page that shows all of it.
        answers: to the claims.
        failures: one line for each model that was not finished, by label.
        missing: one line for each data set that is not on this machine, by name.
    """

    page: Path
    answers: Sequence[Answer]
    failures: Mapping[str, str]
    missing: Mapping[str, str]


def reproduce(
    experiments: Sequence[Experiment],
    size: Size,
    out: Path,
    *,
    roots: Mapping[str, str] | None = None,
    engine: Engine | None = None,
    on_news: Callable[[News], None] = lambda _: None,
    on_jobs: Callable[[JobsDone], None] = lambda _: None,
) -> Reproduction:
    """Make everything that some experiments need in ``out/runs``, and draw it in ``out``.

    ``rows/`` is the exported store that every drawn number comes from, ``figures/`` the figures as
    SVG, ``reproduction.html`` the page. What is finished is kept, and experiments that were made in
    ``out`` before at this size are shown beside those asked for. Experiments whose data set is not
    on this machine are left out, and the page says so.

    Args:
        experiments: which, see `EXPERIMENTS`.
        size: how large, see `SIZES`.
        out: the folder.
        roots: folders of data sets that are read from disk, by name.
        engine: what works on the models (default: one process a core).
        on_news: called with how far each model is.
        on_jobs: called with how far the whole is.

    Raises:
        DataError: none of the data sets is on this machine.
        SeatbeltError: not one model was finished.
        ArtifactError: ``out`` cannot be written.
        KeyboardInterrupt: passed on after every process has stopped at a resumable point.
    """
    whole = plan(experiments, size, roots)
    missing = _missing(whole)
    jobs = {label: job for label, job in whole.jobs.items() if job.run.data.name not in missing}
    if not jobs:
        raise DataError("; ".join(missing.values()))
    result = run_sweep(
        out / "runs", jobs, engine=engine or LocalEngine(), on_news=on_news, on_jobs=on_jobs
    )
    here = _state_parts(out / "runs", whole, result.runs)
    if not result.runs:
        raise SeatbeltError("; ".join(f"{label}: {why}" for label, why in result.failures.items()))
    asked = {experiment.id: experiment for experiment in experiments}
    made = asked.keys() | {part.experiment for part in here}
    shown = [one for name, one in {**EXPERIMENTS, **asked}.items() if name in made]
    drawn = plan(shown, size, roots)
    lacking = [p for p in drawn.parts if p.experiment not in asked and p not in here]
    absent, unmade = _why_lacking(drawn, lacking)
    page, answers = _show(shown, drawn, out, {**result.failures, **unmade}, {**absent, **missing})
    return Reproduction(page, answers, result.failures, missing)


def _missing(whole: Plan) -> dict[str, str]:
    """Data sets that cannot be had; those that can are made ready before anybody works on them."""
    return {name: str(found) for name, found in sets_of(whole) if isinstance(found, DataError)}


def _state_parts(folder: Path, whole: Plan, runs: Mapping[str, RunFolder]) -> Set[Part]:
    """Write into each run folder what it takes part in, the view ``members``; all of that.

    Runs of other settings, or of another size, which lie there from an earlier time, take part no
    more.
    """
    planned = {part.experiment for part in whole.parts}
    everything = plan(tuple(EXPERIMENTS.values()), whole.size)
    known, labels = set(everything.parts), {_key(j.run): k for k, j in everything.jobs.items()}
    members: dict[Path, list[Part]] = {}
    for path in folder.glob(f"*/{_MEMBERS}"):
        label = labels.get(_key(RunFolder.open(path.parents[1]).config), "")
        stated = [Part(row["experiment"], row["series"], label) for row in read_rows(path)]
        members[path] = [p for p in stated if p.experiment not in planned and p in known]
    for label, run in runs.items():
        own = [part for part in whole.parts if part.label == label]
        members.setdefault(run.path / _MEMBERS, []).extend(own)
    for path, parts in members.items():
        if parts:
            write_rows(path, [{"experiment": p.experiment, "series": p.series} for p in parts])
        else:
            path.unlink()
    return {part for parts in members.values() for part in parts}


def _key(run: RunConfig) -> str:
    """What tells a model, wherever its data set lies: a later command may not name its root."""
    return Job(replace(run, data=replace(run.data, root=None))).digest


def _why_lacking(drawn: Plan, parts: Sequence[Part]) -> tuple[dict[str, str], dict[str, str]]:
    """Why experiments that nobody asked for now lack some models: by data set, by experiment."""
    jobs = {part.label: drawn.jobs[part.label] for part in parts}
    absent = _missing(replace(drawn, jobs=jobs))
    models = {(p.experiment, p.label) for p in parts if jobs[p.label].run.data.name not in absent}
    counts = Counter(experiment for experiment, _ in models)
    return absent, {
        name: f"models that are not here: {counts[name]}; ask for {name} again"
        for name in sorted(counts)
    }


def _show(
    experiments: Sequence[Experiment],
    whole: Plan,
    out: Path,
    failures: Mapping[str, str],
    missing: Mapping[str, str],
) -> tuple[Path, Sequence[Answer]]:
    """Export the rows, and draw and answer from what was exported."""
    rows, runs = out / ROWS, out / "runs"
    _export(Store.open([runs]), rows)
    store = Store.open([rows])
    answers = answer_all(store)
    write_json(out / "claims.json", [record_of(answer) for answer in answers])
    page = write_page(
        out / "reproduction.html",
        [show(experiment, store, out / "figures", runs) for experiment in experiments],
        answers,
        whole,
        rows=ROWS,
        commands=[_command(experiments, whole.size)],
        missing=missing,
        failures=failures,
    )
    return page, answers


def _export(store: Store, rows: Path) -> None:
    """Put a new export in the place of an earlier one, which stays until the new one is whole."""
    if not (rows / "store.json").exists():
        store.export(rows)  # which refuses anything that is there and no export
        return
    new, old = (rows.with_name(f".{rows.name}.{age}") for age in ("new", "old"))
    for left in (new, old):
        shutil.rmtree(left, ignore_errors=True)
    store.export(new)
    rows.rename(old)
    new.rename(rows)
    shutil.rmtree(old)


def _command(experiments: Sequence[Experiment], size: Size) -> str:
    names = " ".join(experiment.id for experiment in experiments)
    everything = len(experiments) == len(EXPERIMENTS)
    return f"seatbelt-vae reproduce {'all' if everything else names} --size {size.name}"
