"""The paper by one command: train, attack, measure, draw, answer; resumable at every point."""

import importlib.util
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from seatbelt_vae.errors import ConfigError, DataError, SeatbeltError
from seatbelt_vae.paper.claims import Answer, answer_all
from seatbelt_vae.paper.claims.stated import stated
from seatbelt_vae.paper.experiment import Experiment
from seatbelt_vae.paper.experiments import EXPERIMENTS
from seatbelt_vae.paper.page import show, write_page
from seatbelt_vae.paper.plan import Plan, plan
from seatbelt_vae.paper.sizes import Size
from seatbelt_vae.results import Store
from seatbelt_vae.runs import RunFolder, read_rows, write_json, write_rows
from seatbelt_vae.side_by_side import News
from seatbelt_vae.sweep import Engine, JobsDone, LocalEngine, run_sweep

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
    SVG, ``reproduction.html`` the page. What is finished is kept. Experiments whose data set is not
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
        ConfigError: SciPy is not installed, which the published attack needs.
        DataError: none of the data sets is on this machine.
        SeatbeltError: not one model was finished.
        ArtifactError: ``out`` cannot be written.
        KeyboardInterrupt: passed on after every process has stopped at a resumable point.
    """
    if importlib.util.find_spec("scipy") is None:
        raise ConfigError(
            "the published attack needs SciPy, which is not installed: "
            "pip install 'seatbelt-vae[paper]'"
        )
    whole = plan(experiments, size, roots)
    missing = _missing(whole)
    jobs = {label: job for label, job in whole.jobs.items() if job.run.data.name not in missing}
    if not jobs:
        raise DataError("; ".join(missing.values()))
    result = run_sweep(
        out / "runs", jobs, engine=engine or LocalEngine(), on_news=on_news, on_jobs=on_jobs
    )
    _state_parts(out / "runs", whole, result.runs)
    if not result.runs:
        raise SeatbeltError("; ".join(f"{label}: {why}" for label, why in result.failures.items()))
    return _shown(experiments, whole, out, result.failures, missing)


def _missing(whole: Plan) -> dict[str, str]:
    """Data sets that cannot be had; those that can are made ready before anybody works on them."""
    from seatbelt_vae.data.registry import source_of

    missing = {}
    for config in {job.run.data.name: job.run.data for job in whole.jobs.values()}.values():
        try:
            source_of(config).load(config)
        except DataError as error:
            missing[config.name] = str(error)
    return missing


def _state_parts(folder: Path, whole: Plan, runs: Mapping[str, RunFolder]) -> None:
    """Write into each run folder what it takes part in: the view ``members``.

    Runs of other settings, which lie there from an earlier time, take part no more.
    """
    planned = {part.experiment for part in whole.parts}
    members: dict[Path, list[dict[str, str]]] = {p: [] for p in folder.glob(f"*/{_MEMBERS}")}
    for label, run in runs.items():
        members[run.path / _MEMBERS] = [
            {"experiment": part.experiment, "series": part.series}
            for part in whole.parts
            if part.label == label
        ]
    for path, rows in members.items():
        stated = read_rows(path) if path.exists() else []
        left = [row for row in stated if row["experiment"] not in planned] + rows
        if left:
            write_rows(path, left)
        else:
            path.unlink()


def _shown(
    experiments: Sequence[Experiment],
    whole: Plan,
    out: Path,
    failures: Mapping[str, str],
    missing: Mapping[str, str],
) -> Reproduction:
    """Export the rows, and draw and answer from what was exported."""
    rows, runs = out / ROWS, out / "runs"
    _discard(rows)
    Store.open([runs]).export(rows)
    store = Store.open([rows])
    answers = answer_all(store)
    write_json(out / "claims.json", [stated(answer) for answer in answers])
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
    return Reproduction(page, answers, failures, missing)


def _discard(rows: Path) -> None:
    """Make way for a new export; anything but an export is left, and exporting will refuse it."""
    if (rows / "store.json").exists():
        shutil.rmtree(rows)


def _command(experiments: Sequence[Experiment], size: Size) -> str:
    names = " ".join(experiment.id for experiment in experiments)
    everything = len(experiments) == len(EXPERIMENTS)
    return f"seatbelt-vae reproduce {'all' if everything else names} --size {size.name}"
