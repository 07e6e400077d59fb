"""Metrics of a training run, stored as one part per checkpoint to avoid duplicates on resuming."""

from pathlib import Path
from typing import Any

from seatbelt_vae.runs import write_rows

__all__ = ["Metrics"]


class Metrics:
    """Rows since the last checkpoint.

    Args:
        folder: the folder of the parts.
        step: the step resumed from; later parts are deleted, because their steps are repeated.
    """

    def __init__(self, folder: Path, step: int) -> None:
        self._folder = folder
        self._rows: list[dict[str, Any]] = []
        for part in folder.glob("part-*.parquet"):
            if int(part.stem.removeprefix("part-")) > step:
                part.unlink()

    def add(self, step: int, split: str, **values: float) -> None:
        """Record one row."""
        self._rows.append({"step": step, "split": split, **values})

    def flush(self, step: int) -> None:
        """Write the rows up to a checkpoint at ``step`` as one part."""
        if self._rows:
            write_rows(self._folder / f"part-{step:09d}.parquet", self._rows)
            self._rows = []
