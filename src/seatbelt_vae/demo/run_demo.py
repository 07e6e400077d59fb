"""Running the demo, from an empty or an unfinished folder to the report."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from seatbelt_vae.demo.demo_plan import DEMO, Plan
from seatbelt_vae.errors import ArtifactError, ForeignStateError
from seatbelt_vae.parallel.worker_pool import JobProgress, run_jobs
from seatbelt_vae.runs import RunFolder
from seatbelt_vae.sweep.engine import HEAVY
from seatbelt_vae.workflow import carry_out, is_done

__all__ = ["DemoResult", "run_demo"]


@dataclass(frozen=True)
class DemoResult:
    """The results of the demo.

    Args:
        runs: the finished run folders.
        report: the report's file; None if no model was finished.
        failures: one line for each unfinished model, by name.
    """

    runs: list[Path]
    report: Path | None
    failures: dict[str, str]


def run_demo(
    out: Path,
    plan: Plan = DEMO,
    *,
    on_progress: Callable[[JobProgress], None] = lambda _: None,
) -> DemoResult:
    """Train, attack, measure and evaluate every model of ``plan``, then write the report.

    Finished work in ``out`` is kept, and unfinished work is resumed. A model that fails does not
    stop the others.

    Raises:
        ArtifactError: ``out`` contains other files, or cannot be written.
        ForeignStateError: ``out`` contains a demo with other settings.
        DataError: the data set is unavailable.
        KeyboardInterrupt: passed on after every process has stopped at a resumable point.
    """
    _check(out, plan)
    # on two cores, one process per model is faster than two threads per model
    jobs = {
        name: partial(carry_out, out / name, job)
        for name, job in ((name, plan.job(name)) for name in plan.models)
        if not is_done(out / name, job)
    }
    failures = run_jobs(jobs, on_progress, at_once=len(plan.models), preload=HEAVY)
    runs = [out / name for name in plan.models if name not in failures]
    if not runs:
        return DemoResult([], None, failures)

    from seatbelt_vae.report import write_report

    report = write_report([RunFolder.open(run) for run in runs], out / "report.html")
    return DemoResult(runs, report, failures)


def _check(out: Path, plan: Plan) -> None:
    """Raise if the folder is not one of this demo, before anything is written."""
    if not out.exists():
        return
    known = {*plan.models, "report.html", "quick.png", ".lock"}
    names = [path.name for path in out.iterdir()] if out.is_dir() else [""]
    others = [name for name in names if name not in known]
    if others:
        raise ArtifactError(
            f"{out} is not a demo folder (it contains {others[0]!r}): give another with --out"
        )
    for name in plan.models:
        if (out / name / "run.json").exists():
            config = RunFolder.open(out / name).config
            if config != plan.job(name).run:
                raise ForeignStateError(
                    f"{out / name} holds a run with other settings (seed {config.training.seed}, "
                    f"{config.training.steps} steps): expected seed {plan.training.seed} and "
                    f"{plan.steps} steps; give another folder with --out, or move it away"
                )
