"""Jobs in processes of their own, several at a time: faster than all cores on one job at a time."""

import os
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Protocol

from seatbelt_vae.errors import SeatbeltError
from seatbelt_vae.parallel.operating_system import cause_of_death, start_context
from seatbelt_vae.parallel.own_process import tune_process

__all__ = ["TRIES", "News", "Tell", "Work", "helpers", "run_jobs"]

TRIES = 3
"""How often a job is started in all if its process is killed, for example for lack of memory."""

_PATIENCE = 60.0  # seconds for a process to reach a resumable point


@dataclass(frozen=True)
class News:
    """Progress of one job.

    Args:
        job: its name.
        what: the current activity, e.g. ``training``.
        done, total: how much of that is done.
        detail: current figures in a few words.
    """

    job: str
    what: str
    done: int
    total: int
    detail: str = ""


class Tell(Protocol):
    """Reports the progress of a job."""

    def __call__(self, what: str, done: int, total: int, detail: str = "", /) -> None:
        """Arguments as of `News`."""


Work = Callable[[Tell, Callable[[], bool]], None]
"""A function of a module, perhaps with arguments bound. It receives two functions: one to report
progress, and one that says whether it must stop, which it does by raising KeyboardInterrupt.
Started again, it continues from where it stopped."""


def run_jobs(
    jobs: Mapping[str, Work],
    on_news: Callable[[News], None],
    *,
    at_once: int,
    threads: int = 1,
    preload: Sequence[str] = (),
    on_end: Callable[[str, str], None] = lambda *_: None,
) -> dict[str, str]:
    """Run all jobs; returns one line for each job that failed, which does not stop the others.

    A job whose process was killed is started again after the others, `TRIES` times in all.

    Args:
        jobs: the jobs by name, in the order they are started.
        on_news: called with the progress of every job.
        at_once: number of processes at a time.
        threads: number of torch threads in each process.
        preload: modules that all jobs import; imported only once on systems that can fork a process
            which has done nothing else.
        on_end: called with the name of a job that has ended, and why it failed ("" if it did not).

    Raises:
        KeyboardInterrupt: passed on after every process has stopped at a resumable point.
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
                    case News():
                        on_news(message)
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
    """Let ``count`` processes do ``work`` beside the block, which does the same work.

    The block waits at its end for the helpers; if it fails, they are killed. They end by themselves
    when this process is gone.

    Args:
        count: number of helpers; may be 0.
        work: shares what is to be done with the block, e.g. by `share_work`; reports no progress.
        threads: number of torch threads in each process.
        on_failure: called with one line for each helper that failed; the others do its share.
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
    """A job is over: its process failed for some reason, or was killed, or succeeded."""

    job: str
    failure: str = ""
    killed: bool = False


class _Pool:
    """The processes, each at the other end of a pipe of its own.

    They share nothing: a lock or queue that a killed process held would stay locked for ever.
    """

    def __init__(self, jobs: Mapping[str, Work], threads: int, preload: Sequence[str] = ()) -> None:
        self._context = start_context(preload)
        self._jobs, self._threads = jobs, threads
        self.started = dict.fromkeys(jobs, 0)
        # the pipe is a Connection, and a PipeConnection on Windows
        self.processes: dict[str, tuple[Any, BaseProcess]] = {}

    def start(self, name: str) -> None:
        """Start a job in a process of its own."""
        self.started[name] += 1
        ours, theirs = self._context.Pipe()
        arguments = (name, self._jobs[name], self._threads, theirs, Path.cwd(), dict(os.environ))
        process = self._context.Process(target=_run, args=arguments)  # type: ignore[attr-defined]
        process.start()
        theirs.close()  # so that the pipe ends when the process does
        self.processes[name] = (ours, process)

    def messages(self, timeout: float | None = None) -> Iterator[News | _Ended]:
        """One message of each process that has sent one; `_Ended` only once its process is gone."""
        ready = wait([pipe for pipe, _ in self.processes.values()], timeout)
        for name, (pipe, process) in list(self.processes.items()):
            if pipe not in ready:
                continue
            message: News | _Ended | None = None
            with suppress(EOFError, OSError):  # it ended, perhaps in the middle of a message
                message = pipe.recv()
            if not isinstance(message, News):
                process.join()
                pipe.close()
                del self.processes[name]
            yield message or _silent_end(name, process.exitcode or 0)

    def stop(self, patience: float) -> None:
        """Ask the processes to stop, and kill those that still run after some seconds."""
        for pipe, _ in self.processes.values():
            with suppress(ConnectionError):  # it has ended by itself
                pipe.send("stop")
        for _, process in self.processes.values():
            process.join(patience)
            process.kill()
            process.join()


def _silent_end(name: str, exit_code: int) -> _Ended:
    """How a job ended whose process sent no result."""
    cause = cause_of_death(exit_code)
    if cause is not None:
        return _Ended(name, cause, killed=True)
    why = f"its process ended with exit code {exit_code}: run the same command again"
    return _Ended(name, why)


def _run(
    name: str, job: Work, threads: int, pipe: Any, place: Path, variables: dict[str, str]
) -> None:
    """The process of one job, in the parent's folder and with its environment variables."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all; the parent passes it on
    os.chdir(place)
    os.environ.update(variables | {"OMP_NUM_THREADS": str(threads)})

    def stopped() -> bool:
        return bool(pipe.poll())  # the parent has sent "stop", or has ended

    def send(message: News | _Ended) -> None:
        with suppress(ConnectionError):  # the parent has ended, perhaps with unread messages
            pipe.send(message)

    def tell(what: str, done: int, total: int, detail: str = "", /) -> None:
        send(News(name, what, done, total, detail))

    try:
        tune_process(threads)
        job(tell, stopped)
        send(_Ended(name))
    except (SeatbeltError, OSError) as error:
        send(_Ended(name, str(error)))
    except KeyboardInterrupt:
        return
