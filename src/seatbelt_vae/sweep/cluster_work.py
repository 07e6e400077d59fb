"""The part of a sweep that runs in Ray's processes: one job, and the board with its progress.

Ray's processes import this module, so its imports are kept few.
"""

import os
import socket
import time
from pathlib import Path
from typing import Any

from seatbelt_vae.errors import ArtifactError, SeatbeltError
from seatbelt_vae.parallel.worker_pool import JobProgress
from seatbelt_vae.sweep.engine import Task
from seatbelt_vae.workflow import carry_out, lock_of

__all__ = ["ProgressBoard", "work"]

_PERIOD = 0.5  # seconds between two reports to the board


class ProgressBoard:
    """A Ray actor that collects the progress of all tasks and distributes the request to stop."""

    def __init__(self) -> None:
        self._news: dict[str, JobProgress] = {}
        self._stopping = False

    def report(self, news: JobProgress) -> bool:
        """Store the latest progress of a task; returns whether the task must stop."""
        self._news[news.job] = news
        return self._stopping

    def take(self) -> list[JobProgress]:
        """The latest progress of each task that has reported since the last call."""
        news, self._news = list(self._news.values()), {}
        return news

    def stop(self) -> None:
        """Request all tasks to stop; each learns of it at its next report."""
        self._stopping = True


def work(label: str, task: Task, board: Any, base: Path) -> str:
    """Run one job; returns the reason if it failed, else "".

    Args:
        label: label of the job.
        task: the job and its folder, on the shared disk.
        board: handle of the `ProgressBoard` actor.
        base: base of the relative paths in the job's settings.
    """
    reporter = _Reporter(label, board)
    try:
        if not lock_of(task.folder).exists():  # the engine has created it
            raise ArtifactError(
                f"{task.folder.parent} is not on {socket.gethostname()}: share the sweep's folder "
                f"with all nodes, under one path"
            )
        if base.is_dir():
            os.chdir(base)
        carry_out(task.folder, task.job, reporter.report, reporter.stopped)
    except (SeatbeltError, OSError) as error:
        return str(error)
    except KeyboardInterrupt:
        return "it was interrupted"
    return ""


class _Reporter:
    """Reports the progress of a task to the board, at most once per period and without waiting."""

    def __init__(self, label: str, board: Any) -> None:
        self._label, self._board = label, board
        self._news: JobProgress | None = None
        self._reply: Any = None
        self._last = float("-inf")
        self._stopping = False

    def report(self, what: str, done: int, total: int, detail: str = "", /) -> None:
        """See `ProgressReporter`."""
        self._news = JobProgress(self._label, what, done, total, detail)
        self.stopped()

    def stopped(self) -> bool:
        """Whether the board's last reply requested a stop; sends a report if one is due."""
        import ray

        if self._reply is not None and ray.wait([self._reply], timeout=0)[0]:
            self._stopping = ray.get(self._reply)
            self._reply = None
        now = time.monotonic()
        if self._reply is None and self._news is not None and now > self._last + _PERIOD:
            self._reply = self._board.report.remote(self._news)
            self._last = now
        return self._stopping
