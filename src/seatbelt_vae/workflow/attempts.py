"""A log of the processes that worked in a run folder for a sweep."""

import os
import socket
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from seatbelt_vae.runs import read_json, write_json

__all__ = ["Attempt"]


class Attempt:
    """A context that logs its block as one row of the run folder's ``attempts.json``.

    A row has ``host``, ``process``, ``began`` and ``ended`` (UTC), and ``end``: done, interrupted,
    or the error message. ``ended`` and ``end`` stay null if the process is killed.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / "attempts.json"
        self._before: list[dict[str, Any]] = []
        self._row: dict[str, Any] = {}

    def __enter__(self) -> None:
        if self._path.exists():
            self._before = read_json(self._path)
        self._row = {
            "host": socket.gethostname(),
            "process": os.getpid(),
            "began": _now(),
            "ended": None,
            "end": None,
        }
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


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
