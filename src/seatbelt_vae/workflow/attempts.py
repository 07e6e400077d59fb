"""Who worked in a run folder for a sweep, when, and how it ended."""

import os
import socket
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from seatbelt_vae.runs import read_json, write_json

__all__ = ["Attempt"]


class Attempt:
    """A row of a run's ``attempts.json``, for as long as the block works there.

    A row has the ``host`` and the ``process``, when it ``began`` and ``ended`` (UTC), and its
    ``end``: done, interrupted, or the error. One that was killed has no end.

    Args:
        folder: the run folder.
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
