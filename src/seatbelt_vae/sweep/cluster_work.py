"""What happens on the nodes of a cluster: the work on one job, and the board where it tells of it.

Imported by Ray's own processes; what is imported here is imported there.
"""

import os
import socket
import time
from pathlib import Path
from typing import Any

from seatbelt_vae.errors import ArtifactError, SeatbeltError
from seatbelt_vae.parallel.worker_pool import News
from seatbelt_vae.sweep.engine import Task
from seatbelt_vae.workflow import carry_out, lock_of

__all__ = ["Board", "work"]

_BETWEEN = 0.5  # seconds between two words to the board


class Board:
    """Where tasks tell how far they are, and learn that they must stop; an actor of Ray."""

    def __init__(self) -> None:
        self._news: dict[str, News] = {}
        self._stopping = False

    def tell(self, news: News) -> bool:
        """Keep a task's latest news; whether the task must stop."""
        self._news[news.job] = news
        return self._stopping

    def taken(self) -> list[News]:
        """The latest news of each task since this was asked last."""
        news, self._news = list(self._news.values()), {}
        return news

    def stop(self) -> None:
        """Tell all tasks to stop, each as soon as it tells something."""
        self._stopping = True


def work(label: str, task: Task, board: Any, place: Path) -> str:
    """Do one job; returns why it failed ("" if it did not).

    Args:
        label: of the job.
        task: the job and its folder, on the shared disk.
        board: the actor.
        place: the folder that relative paths in the job's settings start from.
    """
    line = _Line(label, board)
    try:
        if not lock_of(task.folder).exists():  # whoever runs the sweep has made it
            raise ArtifactError(
                f"{task.folder.parent} is not on {socket.gethostname()}: share the sweep's folder "
                f"with all nodes, under one path"
            )
        if place.is_dir():
            os.chdir(place)
        carry_out(task.folder, task.job, line.tell, line.stopped)
    except (SeatbeltError, OSError) as error:
        return str(error)
    except KeyboardInterrupt:
        return "it was interrupted"
    return ""


class _Line:
    """A task's line to the board, over which little is sent and nothing is waited for."""

    def __init__(self, label: str, board: Any) -> None:
        self._label, self._board = label, board
        self._news: News | None = None
        self._asked: Any = None
        self._last = float("-inf")
        self._stopping = False

    def tell(self, what: str, done: int, total: int, detail: str = "", /) -> None:
        """As of `Tell`."""
        self._news = News(self._label, what, done, total, detail)
        self.stopped()

    def stopped(self) -> bool:
        """Whether the board said so; the word is at most so old as what is told there."""
        import ray

        if self._asked is not None and ray.wait([self._asked], timeout=0)[0]:
            self._stopping = ray.get(self._asked)
            self._asked = None
        now = time.monotonic()
        if self._asked is None and self._news is not None and now > self._last + _BETWEEN:
            self._asked = self._board.tell.remote(self._news)
            self._last = now
        return self._stopping
