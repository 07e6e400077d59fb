"""Jobs in processes of their own, some at once: faster than all cores on one job at a time."""

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerContext, SpawnContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Protocol

from seatbelt_vae.errors import SeatbeltError
from seatbelt_vae.own_process import tune_process

__all__ = ["TRIES", "News", "Tell", "Work", "available_cores", "work_side_by_side"]

TRIES = 3
"""How often a job is begun in all, where its process is killed: for want of memory, say."""

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


Work = Callable[[Tell, Callable[[], bool]], None]
"""A function of a module, perhaps with arguments bound: tells how far it is, and asks now and then
whether it must stop, which it does by KeyboardInterrupt. Begun again, it goes on where it was."""


def available_cores() -> int:
    """CPU cores this process may use."""
    return len(os.sched_getaffinity(0))


def work_side_by_side(
    jobs: Mapping[str, Work],
    on_news: Callable[[News], None],
    *,
    at_once: int,
    threads: int = 1,
    preload: Sequence[str] = (),
    on_end: Callable[[str, str], None] = lambda *_: None,
) -> dict[str, str]:
    """Do all jobs; returns one line for each that failed, which does not stop the others.

    A job whose process was killed is begun again after the others, `TRIES` times in all.

    Args:
        jobs: what is to be done, by name, in the order it is begun.
        on_news: called with the news of every job.
        at_once: how many processes work at a time.
        threads: of torch in each.
        preload: modules that all jobs import; imported once, where processes can be forked from one
            that has done nothing else.
        on_end: called with the name of a job that has ended, and why it failed ("" if it did not).

    Raises:
        KeyboardInterrupt: passed on after every process has stopped at a resumable point.
    """
    crew = _Crew(jobs, threads, preload)
    waiting = list(jobs)
    failures = {}
    try:
        while waiting or crew.listening:
            while waiting and len(crew.listening) < at_once:
                crew.begin(waiting.pop(0))
            for pipe in wait(list(crew.listening)):
                assert isinstance(pipe, Connection)
                match crew.listen(pipe):
                    case News() as news:
                        on_news(news)
                    case _Ended(name, failure):
                        if failure:
                            failures[name] = failure
                        on_end(name, failure)
                    case _Killed(name):
                        waiting.append(name)
    finally:
        crew.end()
    return failures


@dataclass(frozen=True)
class _Ended:
    """A job is over, perhaps because it failed."""

    job: str
    failure: str


@dataclass(frozen=True)
class _Killed:
    """A job's process was killed; it is to be begun again."""

    job: str


class _Crew:
    """The processes, each at the other end of a pipe of its own.

    Nothing is shared among them: what a killed process held, no other would ever get.
    """

    def __init__(self, jobs: Mapping[str, Work], threads: int, preload: Sequence[str]) -> None:
        self._context = _context(preload)
        self._jobs = jobs
        self._threads = threads
        self._begun = dict.fromkeys(jobs, 0)
        self._said: dict[str, _Ended] = {}
        self.listening: dict[Connection, tuple[str, BaseProcess]] = {}

    def begin(self, name: str) -> None:
        """Start a job in a process of its own."""
        self._begun[name] += 1
        ours, theirs = self._context.Pipe()
        arguments = (name, self._jobs[name], self._threads, theirs, Path.cwd(), dict(os.environ))
        process = self._context.Process(target=_member, args=arguments)
        process.start()
        theirs.close()  # so that the pipe ends when the process does
        self.listening[ours] = (name, process)

    def listen(self, pipe: Connection) -> News | _Ended | _Killed | None:
        """One message; what became of a job only once its process is gone."""
        name, process = self.listening[pipe]
        try:
            message: News | _Ended = pipe.recv()
        except (EOFError, OSError):  # the end, perhaps in the middle of a message
            process.join()
            pipe.close()
            del self.listening[pipe]
            return self._said.pop(name, None) or self._silent(name, process.exitcode or 0)
        if isinstance(message, News):
            return message
        self._said[name] = message
        return None

    def end(self) -> None:
        """Stop those that work still."""
        for pipe in self.listening:
            with suppress(ConnectionError):  # it has ended by itself
                pipe.send("stop")
        for _, process in self.listening.values():
            process.join(_PATIENCE)
            process.kill()

    def _silent(self, name: str, code: int) -> _Ended | _Killed:
        """What became of a job whose process ended without a word."""
        if code >= 0:
            why = f"its process ended with exit code {code}: run the same command again"
        elif self._begun[name] < TRIES:
            return _Killed(name)
        else:
            why = (
                f"its process was killed {TRIES} times ({signal.Signals(-code).name}): if memory "
                f"is short, run the same command again with fewer jobs at a time"
            )
        return _Ended(name, why)


def _context(preload: Sequence[str]) -> ForkServerContext | SpawnContext:
    if sys.platform != "linux":  # elsewhere, what is preloaded may not outlive a fork
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(preload))
    return context


def _member(
    name: str, job: Work, threads: int, pipe: Connection, place: Path, variables: dict[str, str]
) -> None:
    """The process of one job, in the parent's folder and with its environment variables."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all; the parent passes it on
    os.chdir(place)
    os.environ.update(variables | {"OMP_NUM_THREADS": str(threads)})

    def stopped() -> bool:
        return pipe.poll()  # a word from the parent, or its end

    def say(message: News | _Ended) -> None:
        with suppress(ConnectionError):  # the parent is gone, perhaps with news it had not read
            pipe.send(message)

    def tell(what: str, done: int, total: int, detail: str = "", /) -> None:
        say(News(name, what, done, total, detail))

    try:
        tune_process(threads)
        job(tell, stopped)
        say(_Ended(name, ""))
    except (SeatbeltError, OSError) as error:
        say(_Ended(name, str(error)))
    except KeyboardInterrupt:
        return
