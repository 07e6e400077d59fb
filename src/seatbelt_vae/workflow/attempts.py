"""A log of the processes that worked in a run folder for a sweep."""

import os
import socket
import time
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from types import TracebackType
from typing import Any

from seatbelt_vae.runs import read_json, write_json
from seatbelt_vae.runs.contents import ATTEMPTS

__all__ = ["Attempt", "training_seconds"]

_STEPS_BETWEEN_WRITES = 100


class Attempt:
    """A context that logs its block as one row of the run folder's ``attempts.json``.

    A row has ``host``, ``process``, ``began`` and ``ended`` (UTC), and ``end``: done, interrupted,
    or the error message. ``ended`` and ``end`` stay null if the process is killed. ``training_s``
    is the CPU time of all optimiser steps in seconds, by the median step of the process.

    Args:
        folder: the run folder.
        before: CPU time of an earlier training that the steps continue, in seconds.
    """

    def __init__(self, folder: Path, before: float = 0.0) -> None:
        self._path, self._before_s = folder / ATTEMPTS, before
        self._before: list[dict[str, Any]] = []
        self._row: dict[str, Any] = {}
        self._last, self._steps = 0.0, list[float]()

    def __enter__(self) -> "Attempt":
        if self._path.exists():
            self._before = read_json(self._path)
        self._row = {
            "host": socket.gethostname(),
            "process": os.getpid(),
            "began": _now(),
            "ended": None,
            "end": None,
            "training_s": None,
        }
        self._write()
        return self

    def count_step(self, step: int, steps: int) -> None:
        """Measure the step that has just ended; the first step of a process is set-up as well."""
        now = time.process_time()
        if self._last:
            self._steps.append(now - self._last)
        self._last = now
        if self._steps and (step % _STEPS_BETWEEN_WRITES == 0 or step == steps):
            self._row["training_s"] = self._before_s + steps * median(self._steps)
            self._write()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if isinstance(error, KeyboardInterrupt):
            end = "interrupted"
        else:
            end = "done" if error is None else str(error) or type(error).__name__
        self._row |= {"ended": _now(), "end": end}
        self._write()

    def _write(self) -> None:
        write_json(self._path, [*self._before, self._row])


def training_seconds(folder: Path) -> float | None:
    """The CPU time of the training of a run folder, in seconds; None if it is not known."""
    rows = read_json(folder / ATTEMPTS) if (folder / ATTEMPTS).exists() else []
    return next((row["training_s"] for row in reversed(rows) if row.get("training_s")), None)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
