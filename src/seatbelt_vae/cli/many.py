"""What verbs that work on many models share: the engine, and how far each and all are."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout

from seatbelt_vae.cli.progress import ProgressLines
from seatbelt_vae.cli.run_options import Output
from seatbelt_vae.parallel.worker_pool import News
from seatbelt_vae.sweep import Engine, JobsDone, LocalEngine, RayEngine

__all__ = ["at_work", "engine_of", "show_all", "show_each"]


@contextmanager
def at_work(output: Output) -> Iterator[ProgressLines]:
    """Progress of many models, which nothing that works on them disturbs."""
    # Ray says on stdout, where results go, what becomes of a cluster's nodes
    with ProgressLines(quiet=output.quiet) as progress, redirect_stdout(sys.stderr):
        yield progress


def engine_of(name: str, address: str | None, jobs: int | None) -> Engine:
    """The engine that the flags mean."""
    return RayEngine(address, jobs) if name == "ray" else LocalEngine(jobs)


def show_each(progress: ProgressLines) -> Callable[[News], None]:
    """Shows how far each model is, on a line of its own."""

    def show(news: News) -> None:
        what = f"{news.job}  {news.what}"
        progress.show(what, news.done, news.total, news.detail, line=news.job)

    return show


def show_all(progress: ProgressLines) -> Callable[[JobsDone], None]:
    """Shows how far the whole is, in place of the line of the model that ended."""

    def show(now: JobsDone) -> None:
        progress.end(now.last)
        progress.show("runs", now.done, now.jobs, f"{now.failed} failed" if now.failed else "")

    return show
