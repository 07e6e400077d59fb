"""What works on the jobs of a sweep: processes of this machine, or those of a cluster."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

from seatbelt_vae.config.checks import positive
from seatbelt_vae.parallel.operating_system import available_cores
from seatbelt_vae.parallel.worker_pool import News, run_jobs
from seatbelt_vae.workflow import Job, carry_out

__all__ = ["HEAVY", "Engine", "LocalEngine", "Task"]

HEAVY = ("seatbelt_vae.workflow.steps", "torch._dynamo", "pyarrow.parquet", "pandas")
"""What every job imports, some of it late, the last by pyarrow where it is installed: seconds."""


@dataclass(frozen=True)
class Task:
    """A job and where it is to be done.

    Args:
        folder: its run folder.
        job: what is to be done there.
    """

    folder: Path
    job: Job


class Engine(Protocol):
    """Works on jobs. The weights and rows do not depend on which engine did: every job has its own
    number of threads, wherever it runs and whatever runs beside it."""

    def run(
        self,
        tasks: Mapping[str, Task],
        on_news: Callable[[News], None],
        on_end: Callable[[str, str], None],
    ) -> dict[str, str]:
        """Do all tasks; returns one line for each that failed, which does not stop the others.

        Args:
            tasks: by label, in the order they are begun; at least one.
            on_news: called with how far each is.
            on_end: called with the label of each that has ended, and why it failed ("" if not).

        Raises:
            KeyboardInterrupt: passed on after every task has stopped at a resumable point.
        """


@dataclass(frozen=True)
class LocalEngine:
    """Processes of this machine, one a job; a job whose process is killed is begun again, twice.

    Args:
        jobs: how many work at a time (default: as the machine's cores allow, or one where they
            train on a GPU).

    Raises:
        ConfigError: a number of jobs below one.
    """

    jobs: int | None = None

    def __post_init__(self) -> None:
        if self.jobs is not None:
            positive("jobs", self.jobs)

    def run(
        self,
        tasks: Mapping[str, Task],
        on_news: Callable[[News], None],
        on_end: Callable[[str, str], None],
    ) -> dict[str, str]:
        """As of `Engine`."""
        work = {label: partial(carry_out, task.folder, task.job) for label, task in tasks.items()}
        threads = max(task.job.threads for task in tasks.values())
        at_once = self.jobs or (1 if _on_gpu(tasks) else max(1, available_cores() // threads))
        return run_jobs(
            work, on_news, at_once=at_once, threads=threads, preload=HEAVY, on_end=on_end
        )


def _on_gpu(tasks: Mapping[str, Task]) -> bool:
    """Whether any of the models would be trained on a GPU."""
    devices = {task.job.run.training.device for task in tasks.values()}
    if devices == {"cpu"}:
        return False
    import torch

    return torch.cuda.is_available()
