"""Engine and progress display of the commands that run many jobs."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout

from seatbelt_vae.cli.progress_bars import ProgressLines
from seatbelt_vae.cli.run_options import Output
from seatbelt_vae.parallel.worker_pool import JobProgress
from seatbelt_vae.sweep import Engine, JobsDone, LocalEngine, RayEngine

__all__ = ["at_work", "engine_of", "show_all", "show_each"]


@contextmanager
def at_work(output: Output) -> Iterator[ProgressLines]:
    """Progress lines of many jobs; stdout is redirected to stderr during the block."""
    # Ray prints node events to stdout, which is for results
    with ProgressLines(quiet=output.quiet) as progress, redirect_stdout(sys.stderr):
        yield progress


def engine_of(name: str, address: str | None, jobs: int | None) -> Engine:
    """The engine of the flags."""
    return RayEngine(address, jobs) if name == "ray" else LocalEngine(jobs)


def show_each(progress: ProgressLines) -> Callable[[JobProgress], None]:
    """A callback that shows the progress of each job on its line."""

    def show(news: JobProgress) -> None:
        activity = f"{news.job}  {news.what}"
        progress.show(activity, news.done, news.total, news.detail, line=news.job)

    return show


def show_all(progress: ProgressLines) -> Callable[[JobsDone], None]:
    """A callback that shows the progress of all jobs, and ends the line of the last job."""

    def show(now: JobsDone) -> None:
        progress.end(now.last)
        progress.show("runs", now.done, now.jobs, f"{now.failed} failed" if now.failed else "")

    return show
