"""A sweep from an empty folder, or a half-finished one, to the end."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from seatbelt_vae.errors import ConfigError, SeatbeltError
from seatbelt_vae.parallel.worker_pool import News
from seatbelt_vae.runs import RunFolder
from seatbelt_vae.sweep.engine import Engine, LocalEngine, Task
from seatbelt_vae.workflow import Job, folder_name, is_done, is_of

__all__ = ["JobsDone", "SweepResult", "run_sweep"]

_LOCAL = LocalEngine()


@dataclass(frozen=True)
class SweepResult:
    """What a sweep leaves.

    Args:
        runs: the finished run folders, by label.
        failures: one line for each that was not finished, by label.
    """

    runs: dict[str, RunFolder]
    failures: dict[str, str]


@dataclass(frozen=True)
class JobsDone:
    """Told at the start, and after each job that ended.

    Args:
        done: jobs that are finished, those included that were before.
        failed: jobs that failed.
        jobs: how many there are.
        last: label of the one that ended now; "" at the start.
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
    on_news: Callable[[News], None] = lambda _: None,
    on_jobs: Callable[[JobsDone], None] = lambda _: None,
) -> SweepResult:
    """Do every job in a run folder of its own, `folder_name` in ``out``, several at a time.

    A folder is known by its digest: one that ``out`` holds under another label is used, what is
    finished in it is kept, and what is not is resumed or added. Labels of the same digest are one
    job, whose folder the first of them names; it is attacked as all of them say. Jobs that fail do
    not stop the others.

    Args:
        out: folder of the run folders, made if need be.
        jobs: what is to be done, by label.
        engine: what works on them; the results do not depend on it.
        on_news: called with how far each is, by the first label of its digest.
        on_jobs: called with how far the whole is.

    Raises:
        ConfigError: a label that cannot name a folder, or labels of one digest that are to be
            evaluated in two ways or attacked by two suites of one name.
        KeyboardInterrupt: passed on after every job has stopped at a resumable point.
    """
    named = _merged(jobs)
    tasks = {label: Task(_place(out, label, job), job) for label, job in named.items()}
    left = {label: task for label, task in tasks.items() if not _known_done(task)}
    state = JobsDone(len(tasks) - len(left), 0, len(tasks))
    on_jobs(state)

    def ended(label: str, failure: str) -> None:
        nonlocal state
        done, failed = state.done + (not failure), state.failed + bool(failure)
        state = replace(state, done=done, failed=failed, last=label)
        on_jobs(state)

    out.mkdir(parents=True, exist_ok=True)
    failed = engine.run(left, on_news, ended) if left else {}
    first = {job.digest: label for label, job in named.items()}
    named_by = {label: first[job.digest] for label, job in jobs.items()}
    return SweepResult(
        {
            label: RunFolder.open(tasks[name].folder)
            for label, name in named_by.items()
            if name not in failed
        },
        {label: failed[name] for label, name in named_by.items() if name in failed},
    )


def _merged(jobs: Mapping[str, Job]) -> dict[str, Job]:
    """One job a digest, by its first label."""
    merged: dict[str, Job] = {}
    first: dict[str, str] = {}
    for label, job in jobs.items():
        if not label or label.startswith(".") or "/" in label:
            raise ConfigError(
                f"label {label!r} cannot name a folder: expected no / in it, and no . at its start"
            )
        name = first.setdefault(job.digest, label)
        merged[name] = _both(name, merged[name], label, job) if name in merged else job
    return merged


def _both(name: str, one: Job, label: str, other: Job) -> Job:
    """A job that does what two jobs on the same run ask for."""
    if None not in (one.evaluation, other.evaluation) and one.evaluation != other.evaluation:
        raise ConfigError(
            f"{name} and {label} are the same run with two evaluations, and a run holds one: "
            f"evaluate both alike"
        )
    attacks = tuple(dict.fromkeys((*one.attacks, *other.attacks)))
    try:
        return Job(one.run, attacks, one.evaluation or other.evaluation)
    except ConfigError as error:
        raise ConfigError(f"{name} and {label} are the same run, and {error}") from None


def _place(out: Path, label: str, job: Job) -> Path:
    """The run folder of a job: that of its label, unless its digest lies there under another."""
    own = out / folder_name(label, job)
    if own.exists():
        return own
    key = folder_name("", job)
    known = (path for path in sorted(out.glob(f"*{key}")) if _is_of(path, job))
    return next(known, own)


def _is_of(folder: Path, job: Job) -> bool:
    try:
        return is_of(folder, job)
    except SeatbeltError:  # what cannot be read is nobody's
        return False


def _known_done(task: Task) -> bool:
    try:
        return is_done(task.folder, task.job)
    except SeatbeltError:  # who works on it will meet the same error, as that job's failure
        return False
