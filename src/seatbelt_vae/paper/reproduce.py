"""Reproduction of the paper: train, attack, measure, draw and answer; resumable at any point."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from seatbelt_vae.errors import SeatbeltError
from seatbelt_vae.paper.claims import Answer, answer_all, record_of
from seatbelt_vae.paper.convergence import trainings
from seatbelt_vae.paper.experiment import Experiment
from seatbelt_vae.paper.experiment_jobs import Part, Plan, missing_sets, plan, sets_of
from seatbelt_vae.paper.experiments import EXPERIMENTS
from seatbelt_vae.paper.findings import Findings, findings_of
from seatbelt_vae.paper.page import draw_section, write_page
from seatbelt_vae.paper.requested_models import RequestedModels
from seatbelt_vae.paper.sizes import Size
from seatbelt_vae.paper.stored_rows import ROWS, StoredRuns, export_rows
from seatbelt_vae.parallel.worker_pool import JobProgress
from seatbelt_vae.results import Store
from seatbelt_vae.runs import RunFolder, write_json
from seatbelt_vae.sweep import Engine, JobsDone, LocalEngine, SweepResult, finished_runs, run_sweep
from seatbelt_vae.workflow import Job

__all__ = ["Reproduction", "nothing_finished", "reproduce", "unfinished_of", "write_results"]


@dataclass(frozen=True)
class Reproduction:
    """The results of a reproduction.

    Args:
        page: the HTML page.
        answers: answers to the claims.
        findings: the results of a frontier of defences, by data set.
        failures: one line for each unfinished model, by label.
        missing: one line for each data set that is not on this machine, by name.
    """

    page: Path
    answers: Sequence[Answer]
    findings: Sequence[Findings]
    failures: Mapping[str, str]
    missing: Mapping[str, str]


def reproduce(
    experiments: Sequence[Experiment],
    size: Size,
    out: Path,
    *,
    roots: Mapping[str, str] | None = None,
    engine: Engine | None = None,
    gate: bool = False,
    finished_only: bool = False,
    on_progress: Callable[[JobProgress], None] = lambda _: None,
    on_jobs: Callable[[JobsDone], None] = lambda _: None,
) -> Reproduction:
    """Train, attack and measure the models of some experiments, and write the page of results.

    ``out/runs`` has the run folders, ``rows/`` the exported store with the rows of all figures,
    ``figures/`` the figures as SVG, and ``reproduction.html`` the page. Finished work is kept:
    models in ``runs/``, and models of which ``rows/`` has the rows under the same settings. The
    page also shows earlier experiments in ``out`` of this size. Other models whose data set is not
    on this machine are left out, and named.

    Args:
        experiments: the experiments, see `EXPERIMENTS`.
        size: the size, see `SIZES`.
        out: the folder.
        roots: folders of data sets that are read from disk, by name.
        engine: the engine that runs the jobs (default: one process per core).
        gate: only train and evaluate unpenalised models, which tell what can be tested.
        finished_only: start no job, and show the models that are finished.
        on_progress: called with the progress of each model.
        on_jobs: called with the progress of all models.

    Raises:
        DataError: none of the data sets is on this machine.
        SeatbeltError: no model was finished.
        ArtifactError: ``out`` cannot be written.
        KeyboardInterrupt: passed on after every process has stopped at a resumable point.
    """
    asked = RequestedModels.of(experiments, size, out, roots, gate=gate)
    sweep = partial(run_sweep, on_progress=on_progress, on_jobs=on_jobs)
    run = finished_runs if finished_only else partial(sweep, engine=engine or LocalEngine())
    result = _run(asked.left, partial(run, out / "runs"))
    unfinished: dict[str, str] = {}
    if finished_only:
        known = {*result.runs, *asked.stored.whole}
        unfinished, result = unfinished_of(asked.left, known), replace(result, failures={})
    asked = asked.after(result.runs)
    unfinished |= _beyond_gate(asked)
    if not (result.runs or asked.stored.names):
        raise nothing_finished(result.failures)
    return _results(experiments, size, roots, asked, result, unfinished)


def _results(
    experiments: Sequence[Experiment],
    size: Size,
    roots: Mapping[str, str] | None,
    asked: RequestedModels,
    result: SweepResult,
    unfinished: Mapping[str, str],
) -> Reproduction:
    """The rows and the page of all finished models."""
    out = asked.out
    parts = asked.write_members(result.runs)
    if any(experiment.linear_reference for experiment in experiments):
        _write_references(out / "runs", asked.here, result.runs, asked.stored)
    shown, ids = _shown(experiments, parts), {experiment.id for experiment in experiments}
    drawn, missing = plan(shown, size, roots), asked.missing_of(parts)
    earlier = [p for p in drawn.parts if p.experiment not in ids and p not in parts]
    absent, unmade = _why_lacking(drawn, earlier)
    lacking = {**result.failures, **unmade, **unfinished}, {**absent, **missing}
    page, answers, findings = write_results(
        shown, drawn, out, asked.stored, _command(shown, size, gate=asked.gate), *lacking
    )
    return Reproduction(page, answers, findings, result.failures, missing)


def _beyond_gate(asked: RequestedModels) -> dict[str, str]:
    """One line for the page about the models that a gate leaves out."""
    others = {part.label for part in asked.requested.parts} - asked.requested.jobs.keys()
    why = "only the unpenalised ones were asked for, by --gate"
    return _in_one_line(others - asked.stored.whole, why)


def nothing_finished(failures: Mapping[str, str]) -> SeatbeltError:
    """The error of a reproduction without a finished model; no job failed if none was started."""
    reasons = [f"{label}: {why}" for label, why in failures.items()]
    return SeatbeltError(
        "; ".join(reasons) or "no model is finished: leave --finished out to make them"
    )


def unfinished_of(left: Plan, finished: Collection[str]) -> dict[str, str]:
    """One line for the page about the jobs that are not finished, if there are any."""
    why = "without --finished the same command goes on"
    return _in_one_line(left.jobs.keys() - set(finished), why)


def _in_one_line(labels: Set[str], why: str) -> dict[str, str]:
    return {f"{len(labels)} models": why} if labels else {}


def _shown(experiments: Sequence[Experiment], parts: Set[Part]) -> list[Experiment]:
    """The requested experiments, and those of earlier commands with models in the folder."""
    requested = {experiment.id: experiment for experiment in experiments}
    made = requested.keys() | {part.experiment for part in parts}
    return [e for name, e in {**EXPERIMENTS, **requested}.items() if name in made]


def _run(whole: Plan, run: Callable[[Mapping[str, Job]], SweepResult]) -> SweepResult:
    """Run all jobs; hardened models follow when their sources are finished."""
    jobs = whole.jobs
    result = run({label: job for label, job in jobs.items() if label not in whole.sources})
    if not whole.sources:
        return result
    hardened = run(whole.hardenings({label: made.path for label, made in result.runs.items()}))
    unmade = {
        label: f"its source {source} is not finished"
        for label, source in whole.sources.items()
        if label in jobs and source not in result.runs
    }
    failures = {**result.failures, **unmade, **hardened.failures}
    return SweepResult(result.runs | hardened.runs, failures)


def _write_references(
    folder: Path, whole: Plan, runs: Mapping[str, RunFolder], stored: StoredRuns
) -> None:
    """Attack probabilistic PCA on the pairs of the first model of each data set."""
    from seatbelt_vae.paper.linear_reference import FILE, write_linear_reference

    known = {whole.jobs[label].run.data.name for label in stored.labels_in("linear")}
    first: dict[str, str] = {}
    for label, run in runs.items():
        if run.config.data.name not in known:
            first.setdefault(run.config.data.name, label)
    chosen = {label: runs[label].path / FILE for label in first.values()}
    for path in folder.glob(f"*/{FILE}"):
        if path not in chosen.values():
            path.unlink()
    for label, path in chosen.items():
        write_linear_reference(path, runs[label], whole.size, whole.jobs[label].attacks[0])


def _why_lacking(drawn: Plan, parts: Sequence[Part]) -> tuple[dict[str, str], dict[str, str]]:
    """Reasons for missing models of earlier experiments: by data set, and by experiment."""
    jobs = {part.label: drawn.jobs[part.label] for part in parts}
    absent = missing_sets(dict(sets_of(replace(drawn, jobs=jobs))))
    models = {(p.experiment, p.label) for p in parts if jobs[p.label].run.data.name not in absent}
    counts = Counter(experiment for experiment, _ in models)
    return absent, {
        name: f"models that are not here: {counts[name]}; ask for {name} again"
        for name in sorted(counts)
    }


def write_results(
    experiments: Sequence[Experiment],
    whole: Plan,
    out: Path,
    stored: StoredRuns,
    command: str,
    failures: Mapping[str, str],
    missing: Mapping[str, str],
    about: Sequence[tuple[str, str]] = (),
) -> tuple[Path, Sequence[Answer], Sequence[Findings]]:
    """Export the rows; draw figures and answer claims from the export.

    Args:
        experiments: the experiments on the page.
        whole: their plan.
        out: the folder of the reproduction; the rows are those of ``out/runs``.
        stored: further models, whose rows an earlier export has.
        command: the command that makes the page again.
        failures, missing, about: see `write_page`.

    Returns:
        The page, the answers, and the findings.
    """
    rows, runs = out / ROWS, out / "runs"
    export_rows(runs, stored)
    store = Store.open([rows])
    answers, findings = answer_all(store), findings_of(experiments, store)
    write_json(out / "claims.json", [record_of(answer) for answer in answers])
    page = write_page(
        out / "reproduction.html",
        [draw_section(experiment, store, out / "figures", runs) for experiment in experiments],
        answers,
        whole,
        rows=ROWS,
        commands=[command],
        about=about,
        missing=missing,
        failures=failures,
        findings=findings,
        trainings=trainings(store),
    )
    return page, answers, findings


def _command(experiments: Sequence[Experiment], size: Size, *, gate: bool) -> str:
    names = " ".join(experiment.id for experiment in experiments)
    everything = len(experiments) == len(EXPERIMENTS)
    command = f"seatbelt-vae reproduce {'all' if everything else names} --size {size.name}"
    return f"{command} --gate" if gate else command
