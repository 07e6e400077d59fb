"""Jobs in processes of their own, some at once: faster than all cores on one job at a time."""

import multiprocessing
import os
import signal
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Event
from typing import Protocol

from seatbelt_vae.errors import SeatbeltError
from seatbelt_vae.own_process import tune_process

__all__ = ["Job", "News", "Tell", "available_cores", "work_side_by_side"]

_PATIENCE = 60.0  # seconds for a process to reach a resumable point


@dataclass(frozen=True)
class News:
    """How far one job is.

    Args:
        job: its name.
        what: what it does now, e.g. ``training``.
        done, total: how much of that is done.
        detail: current figures in a few words.
    """

    job: str
    what: str
    done: int
    total: int
    detail: str = ""


class Tell(Protocol):
    """Passes on how far a job is."""

    def __call__(self, what: str, done: int, total: int, detail: str = "", /) -> None:
        """As of `News`."""


Job = Callable[[Tell, Callable[[], bool]], None]
"""A function of a module, perhaps with arguments bound: tells how far it is, and asks now and then
whether it must stop, which it does by KeyboardInterrupt."""


def available_cores() -> int:
    """CPU cores this process may use."""
    return len(os.sched_getaffinity(0))


def work_side_by_side(
    jobs: Mapping[str, Job], on_news: Callable[[News], None], *, at_once: int, threads: int = 1
) -> dict[str, str]:
    """Do all jobs; returns one line for each that failed, which does not stop the others.

    Args:
        jobs: what is to be done, by name, in the order it is begun.
        on_news: called with the news of every job.
        at_once: how many processes work at a time.
        threads: of torch in each.

    Raises:
        KeyboardInterrupt: passed on after every process has stopped at a resumable point.
    """
    crew = _Crew(threads)
    failures = dict.fromkeys(jobs, "")
    waiting = list(jobs.items())
    try:
        while waiting or crew.listening:
            while waiting and len(crew.listening) < at_once:
                crew.begin(*waiting.pop(0))
            for pipe in wait(list(crew.listening)):
                assert isinstance(pipe, Connection)
                crew.listen(pipe, failures, on_news)
    except KeyboardInterrupt:
        crew.stop.set()
        raise
    finally:
        crew.end()
    return failures


class _Crew:
    """The processes, and the pipes on which they are listened to."""

    def __init__(self, threads: int) -> None:
        self._context = multiprocessing.get_context("spawn")
        self._threads = threads
        self.stop = self._context.Event()
        self.listening: dict[Connection, tuple[str, BaseProcess]] = {}

    def begin(self, name: str, job: Job) -> None:
        receiving, sending = self._context.Pipe(duplex=False)
        arguments = (name, job, self._threads, sending, self.stop)
        process = self._context.Process(target=_member, args=arguments)
        process.start()
        sending.close()  # so that the pipe ends when the process does
        self.listening[receiving] = (name, process)

    def listen(
        self, pipe: Connection, failures: dict[str, str], on_news: Callable[[News], None]
    ) -> None:
        """Take one message, or note that there are no more."""
        name, process = self.listening[pipe]
        try:
            message = pipe.recv()
        except EOFError:
            process.join()
            del self.listening[pipe]
            if failures.get(name) == "":
                failures[name] = (
                    f"its process ended with exit code {process.exitcode}: run the same command "
                    f"again"
                )
            return
        match message:
            case News():
                on_news(message)
            case str():
                failures[name] = message
            case None:
                del failures[name]

    def end(self) -> None:
        for _, process in self.listening.values():
            process.join(_PATIENCE if self.stop.is_set() else None)
            process.kill()


def _member(name: str, job: Job, threads: int, pipe: Connection, stop: Event) -> None:
    """The process of one job."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all; the parent passes it on
    os.environ["OMP_NUM_THREADS"] = str(threads)
    parent = multiprocessing.parent_process()

    def stopped() -> bool:
        return stop.is_set() or parent is None or not parent.is_alive()

    def send(message: News | str | None) -> None:
        with suppress(BrokenPipeError):  # nobody listens any more: the job will ask, and stop
            pipe.send(message)

    def tell(what: str, done: int, total: int, detail: str = "", /) -> None:
        send(News(name, what, done, total, detail))

    try:
        tune_process(threads)
        job(tell, stopped)
        send(None)
    except (SeatbeltError, OSError) as error:
        send(str(error))
    except KeyboardInterrupt:
        return
