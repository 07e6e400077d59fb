"""Run jobs in separate processes, several at a time, which is faster than all cores on one job."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Protocol

from seatbelt_vae.errors import SeatbeltError
from seatbelt_vae.parallel.operating_system import (
    cause_of_death,
    ignore_stop_signals,
    start_context,
    stop_signals_held,
)
from seatbelt_vae.parallel.process_settings import tune_process

__all__ = ["TRIES", "JobProgress", "ProgressReporter", "Work", "helpers", "run_jobs"]

TRIES = 3
"""Maximum number of starts of a job with killed processes, for example when memory is short."""

_PATIENCE = 60.0  # seconds for a process to reach a resumable point


@dataclass(frozen=True)
class JobProgress:
    """Progress of one job.

    Args:
        job: name of the job.
        what: the current activity, e.g. ``training``.
        done, total: completed and total units of the activity.
        detail: current figures, as short text.
    """

    job: str
    what: str
    done: int
    total: int
    detail: str = ""


class ProgressReporter(Protocol):
    """Reports the progress of a job."""

    def __call__(self, what: str, done: int, total: int, detail: str = "", /) -> None:
        """Arguments as of `JobProgress`."""


Work = Callable[[ProgressReporter, Callable[[], bool]], None]
"""A module-level function or a `functools.partial` of one; its arguments are two functions.

The first reports progress. The second returns whether to stop; the job then raises
KeyboardInterrupt at a resumable point. A restarted job resumes.
"""


def run_jobs(
    jobs: Mapping[str, Work],
    on_progress: Callable[[JobProgress], None],
    *,
    at_once: int,
    threads: int = 1,
    preload: Sequence[str] = (),
    on_end: Callable[[str, str], None] = lambda *_: None,
) -> dict[str, str]:
    """Run all jobs; returns one line for each failed job. A failed job does not stop the others.

    A job with a killed process is started again after the others, at most `TRIES` times in all.

    Args:
        jobs: the jobs by name, in the order of their start.
        on_progress: called with the progress of every job.
        at_once: maximum number of simultaneous processes.
        threads: number of torch threads in each process.
        preload: modules that all jobs import, see `start_context`.
        on_end: called with the name of a job that has ended, and the reason of its failure, "" on
            success.

    Raises:
        KeyboardInterrupt: raised again after every process has stopped at a resumable point.
    """
    pool = _Pool(jobs, threads, preload)
    waiting = list(jobs)
    failures = {}
    try:
        while waiting or pool.processes:
            while waiting and len(pool.processes) < at_once:
                pool.start(waiting.pop(0))
            for message in pool.messages():
                match message:
                    case JobProgress():
                        on_progress(message)
                    case _Ended(name, _, killed=True) if pool.started[name] < TRIES:
                        waiting.append(name)
                    case _Ended(name, failure, killed):
                        if killed:
                            failure = (
                                f"its process was killed {TRIES} times ({failure}): if memory is "
                                f"short, run the same command again with fewer jobs at a time"
                            )
                        if failure:
                            failures[name] = failure
                        on_end(name, failure)
    finally:
        pool.stop(_PATIENCE)
    return failures


@contextmanager
def helpers(
    count: int, work: Work, *, threads: int, on_failure: Callable[[str], None]
) -> Iterator[None]:
    """Run ``work`` in ``count`` processes while the block does the same work.

    The context waits for the helpers at its end; if the block fails, they are killed. Helpers also
    end when this process ends.

    Args:
        count: number of helpers; may be 0.
        work: divides its parts between the processes, e.g. by `share_work`; reports no progress.
        threads: number of torch threads in each process.
        on_failure: called with one line for each failed helper; the others do its parts.
    """
    jobs = dict.fromkeys((f"helper {number}" for number in range(1, count + 1)), work)
    pool = _Pool(jobs, threads)
    try:
        for name in jobs:
            pool.start(name)
        yield
        while pool.processes and (ended := list(pool.messages(_PATIENCE))):
            for message in ended:
                if isinstance(message, _Ended) and message.failure:
                    killed = "its process was killed: " if message.killed else ""
                    on_failure(f"{message.job} ended early: {killed}{message.failure}")
    finally:
        pool.stop(0)


@dataclass(frozen=True)
class _Ended:
    """The end of a job; without a failure it succeeded."""

    job: str
    failure: str = ""
    killed: bool = False


class _Pool:
    """The processes, each connected by one pipe.

    A shared lock or queue would remain locked if the process that holds it were killed.
    """

    def __init__(self, jobs: Mapping[str, Work], threads: int, preload: Sequence[str] = ()) -> None:
        self._context = start_context(preload)
        self._jobs, self._threads = jobs, threads
        self.started = dict.fromkeys(jobs, 0)
        # the pipe is a Connection, or a PipeConnection on Windows
        self.processes: dict[str, tuple[Any, BaseProcess]] = {}

    def start(self, name: str) -> None:
        """Start a job in a new process."""
        self.started[name] += 1
        ours, theirs = self._context.Pipe()
        arguments = (name, self._jobs[name], self._threads, theirs, Path.cwd(), dict(os.environ))
        process = self._context.Process(target=_run, args=arguments)  # type: ignore[attr-defined]
        with stop_signals_held():
            process.start()
        theirs.close()  # so that the pipe closes when the process ends
        self.processes[name] = (ours, process)

    def messages(self, timeout: float | None = None) -> Iterator[JobProgress | _Ended]:
        """One message per process that has sent one; `_Ended` follows the end of the process."""
        ready = wait([pipe for pipe, _ in self.processes.values()], timeout)
        for name, (pipe, process) in list(self.processes.items()):
            if pipe not in ready:
                continue
            message: JobProgress | _Ended | None = None
            with suppress(EOFError, OSError):  # the process ended, perhaps within a message
                message = pipe.recv()
            if not isinstance(message, JobProgress):
                process.join()
                pipe.close()
                del self.processes[name]
            yield message or _silent_end(name, process.exitcode or 0)

    def stop(self, patience: float) -> None:
        """Stop the processes; kill those that still run after ``patience`` seconds."""
        for pipe, _ in self.processes.values():
            with suppress(ConnectionError):  # the process has ended
                pipe.send("stop")
        for _, process in self.processes.values():
            process.join(patience)
            process.kill()
            process.join()


def _silent_end(name: str, exit_code: int) -> _Ended:
    """The end of a job that has sent no result."""
    cause = cause_of_death(exit_code)
    if cause is not None:
        return _Ended(name, cause, killed=True)
    return _Ended(name, f"its process ended with exit code {exit_code}: run the same command again")


def _run(
    name: str, job: Work, threads: int, pipe: Any, place: Path, variables: dict[str, str]
) -> None:
    """Run one job in its process, in the folder and with the environment of the parent."""
    ignore_stop_signals()
    os.chdir(place)
    os.environ.update(variables | {"OMP_NUM_THREADS": str(threads)})

    def stopped() -> bool:
        return bool(pipe.poll())  # the parent has sent "stop" or has ended

    def send(message: JobProgress | _Ended) -> None:
        with suppress(ConnectionError):  # the parent has ended, perhaps with unread messages
            pipe.send(message)

    def tell(what: str, done: int, total: int, detail: str = "", /) -> None:
        send(JobProgress(name, what, done, total, detail))

    try:
        tune_process(threads)
        job(tell, stopped)
        send(_Ended(name))
    except (SeatbeltError, OSError) as error:
        send(_Ended(name, str(error)))
    except KeyboardInterrupt:
        return
