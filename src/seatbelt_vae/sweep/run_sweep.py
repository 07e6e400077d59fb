"""Runs a sweep, or resumes an unfinished one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from seatbelt_vae.errors import ConfigError, SeatbeltError
from seatbelt_vae.parallel.worker_pool import JobProgress
from seatbelt_vae.runs import RunFolder
from seatbelt_vae.sweep.engine import Engine, LocalEngine, Task
from seatbelt_vae.workflow import Job, folder_name, is_done, is_of

__all__ = ["JobsDone", "SweepResult", "finished_runs", "run_sweep"]

_LOCAL = LocalEngine()


@dataclass(frozen=True)
class SweepResult:
    """The result of a sweep.

    Args:
        runs: finished run folders by label.
        failures: reasons of the failed jobs by label.
    """

    runs: dict[str, RunFolder]
    failures: dict[str, str]


@dataclass(frozen=True)
class JobsDone:
    """Progress of a sweep, reported at the start and after each job.

    Args:
        done: number of finished jobs, including those finished before the sweep.
        failed: number of failed jobs.
        jobs: number of jobs.
        last: label of the job that has just ended; "" at the start.
    """

    done: int
    failed: int
    jobs: int
    last: str = ""


def run_sweep(
    out: Path,
    jobs: Mapping[str, Job],
    *,
    engine: Engine = _LOCAL,
    on_progress: Callable[[JobProgress], None] = lambda _: None,
    on_jobs: Callable[[JobsDone], None] = lambda _: None,
) -> SweepResult:
    """Run every job in its run folder, ``out / folder_name(label, job)``.

    The digest of a job identifies its folder, even if the folder in ``out`` has another label.
    Finished steps are skipped; unfinished and new steps are run. Labels with the same digest share
    one job and folder, named by the first label, with the attacks of all of them. A failed job does
    not stop the others.

    Args:
        out: folder of the run folders; created if missing.
        jobs: jobs by label.
        engine: runs the jobs; the results do not depend on it.
        on_progress: called with the progress of each job, named by the first label of its digest.
        on_jobs: called with the progress of the sweep.

    Raises:
        ConfigError: a label that cannot name a folder, or labels with the same digest that have
            different evaluations or different suites of one name.
        KeyboardInterrupt: passed on after every job has stopped at a resumable point.
    """
    named = _merged(jobs)
    tasks = {label: Task(_folder(out, label, job), job) for label, job in named.items()}
    left = {
        label: task for label, task in tasks.items() if not _check(is_done, task.folder, task.job)
    }
    state = JobsDone(len(tasks) - len(left), 0, len(tasks))
    on_jobs(state)

    def ended(label: str, failure: str) -> None:
        nonlocal state
        done, failed = state.done + (not failure), state.failed + bool(failure)
        state = replace(state, done=done, failed=failed, last=label)
        on_jobs(state)

    out.mkdir(parents=True, exist_ok=True)
    failed = engine.run(left, on_progress, ended) if left else {}
    return _result(jobs, tasks, failed)


def finished_runs(out: Path, jobs: Mapping[str, Job]) -> SweepResult:
    """The finished jobs of a sweep; nothing is run.

    Args:
        out: folder of the run folders.
        jobs: jobs by label.
    """
    folders = {label: _folder(out, label, job) for label, job in _merged(jobs).items()}
    done = {k: path for k, path in folders.items() if _check(is_done, path, jobs[k])}
    return SweepResult({label: RunFolder.open(path) for label, path in done.items()}, {})


def _result(
    jobs: Mapping[str, Job], tasks: Mapping[str, Task], failed: Mapping[str, str]
) -> SweepResult:
    """The result of every label; labels with the same digest share one task."""
    names = {task.job.digest: name for name, task in tasks.items()}
    result = SweepResult({}, {})
    for label, job in jobs.items():
        name = names[job.digest]
        if name in failed:
            result.failures[label] = failed[name]
        else:
            result.runs[label] = RunFolder.open(tasks[name].folder)
    return result


def _merged(jobs: Mapping[str, Job]) -> dict[str, Job]:
    """One job per digest, by its first label."""
    merged: dict[str, Job] = {}
    first: dict[str, str] = {}
    for label, job in jobs.items():
        if not label or label.startswith(".") or "/" in label:
            raise ConfigError(
                f"label {label!r} cannot name a folder: expected no / in it, and no . at its start"
            )
        name = first.setdefault(job.digest, label)
        merged[name] = _combined(name, merged[name], label, job) if name in merged else job
    return merged


def _combined(name: str, job: Job, label: str, other: Job) -> Job:
    """One job with the attacks and the evaluation of two jobs on the same run."""
    if None not in (job.evaluation, other.evaluation) and job.evaluation != other.evaluation:
        raise ConfigError(
            f"{name} and {label} are the same run with different evaluations, and a run holds one: "
            f"give both the same evaluation"
        )
    attacks = tuple(dict.fromkeys((*job.attacks, *other.attacks)))
    try:
        return Job(job.run, attacks, job.evaluation or other.evaluation)
    except ConfigError as error:
        raise ConfigError(f"{name} and {label} are the same run, and {error}") from None


def _folder(out: Path, label: str, job: Job) -> Path:
    """The run folder of a job: an existing folder with its digest, else one with its label."""
    folder = out / folder_name(label, job)
    if folder.exists():
        return folder
    key = folder_name("", job)
    known = (path for path in sorted(out.glob(f"*{key}")) if _check(is_of, path, job))
    return next(known, folder)


def _check(test: Callable[[Path, Job], bool], folder: Path, job: Job) -> bool:
    """Whether a folder passes a test; an unreadable folder does not; its job will fail."""
    try:
        return test(folder, job)
    except SeatbeltError:
        return False
