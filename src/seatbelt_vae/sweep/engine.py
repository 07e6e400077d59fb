"""Engines run the jobs of a sweep: the protocol, and local processes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

from seatbelt_vae.config.checks import positive
from seatbelt_vae.parallel.operating_system import available_cores
from seatbelt_vae.parallel.worker_pool import JobProgress, run_jobs
from seatbelt_vae.workflow import Job, carry_out

__all__ = ["HEAVY", "Engine", "LocalEngine", "OnEnd", "OnProgress", "Task"]

OnProgress = Callable[[JobProgress], None]
"""Called with the progress of each task."""

OnEnd = Callable[[str, str], None]
"""Called with the label of each task that has ended, and the reason if it failed, else ""."""

HEAVY = (
    *("seatbelt_vae.workflow", "seatbelt_vae.training", "seatbelt_vae.attacks"),
    *("seatbelt_vae.evaluation.evaluation_folder", "seatbelt_vae.evaluation.suite_measures"),
    *("pyarrow.parquet", "pandas"),
)
"""Slow imports that every job needs; pyarrow imports pandas where it is installed."""


@dataclass(frozen=True)
class Task:
    """A job and its run folder."""

    folder: Path
    job: Job


class Engine(Protocol):
    """Runs jobs. Weights and rows do not depend on the engine, because the number of threads of a
    job is fixed."""

    def run(
        self, tasks: Mapping[str, Task], on_progress: OnProgress, on_end: OnEnd
    ) -> dict[str, str]:
        """Run all tasks; returns the reason of each failure by label. Other tasks continue.

        Args:
            tasks: at least one task by label, in the order they are started.
            on_progress: see `OnProgress`.
            on_end: see `OnEnd`.

        Raises:
            KeyboardInterrupt: passed on after every task has stopped at a resumable point.
        """


@dataclass(frozen=True)
class LocalEngine:
    """Runs each job in a process of this machine; a killed process is restarted up to two times.

    Args:
        jobs: number of processes at a time (default: cores / threads, or 1 if they train on a GPU).

    Raises:
        ConfigError: ``jobs`` is below 1.
    """

    jobs: int | None = None

    def __post_init__(self) -> None:
        if self.jobs is not None:
            positive("jobs", self.jobs)

    def run(
        self, tasks: Mapping[str, Task], on_progress: OnProgress, on_end: OnEnd
    ) -> dict[str, str]:
        """See `Engine`."""
        work = {label: partial(carry_out, task.folder, task.job) for label, task in tasks.items()}
        threads = max(task.job.threads for task in tasks.values())
        at_once = self.jobs or (1 if _on_gpu(tasks) else max(1, available_cores() // threads))
        return run_jobs(
            work, on_progress, at_once=at_once, threads=threads, preload=HEAVY, on_end=on_end
        )


def _on_gpu(tasks: Mapping[str, Task]) -> bool:
    """Whether any model would be trained on a GPU."""
    devices = {task.job.run.training.device for task in tasks.values()}
    if devices == {"cpu"}:
        return False
    import torch

    return torch.cuda.is_available()
