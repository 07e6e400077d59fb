"""Rows of a query as matrices of trainings × pairs, one for each panel, series and β."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seatbelt_vae.evaluation.bootstrap import MeanKind
from seatbelt_vae.evaluation.two_way_bootstrap import CrossedEstimate, Term, crossed_contrast

__all__ = ["Key", "RunMatrix", "run_matrices"]

Key = tuple[str, str, float]
"""Panel, series, and β."""


@dataclass(frozen=True)
class RunMatrix:
    """The values of one kind of model at one β.

    Args:
        runs: its S trainings.
        items: its P pairs or images; (None,) if a training has one number.
        values: one number per training and item, :math:`(S, P)`; nan if missing.
        sizes: latent sizes of each training.
    """

    runs: tuple[str, ...]
    items: tuple[Any, ...]
    values: NDArray[np.float64]
    sizes: tuple[str, ...]

    @property
    def of_most_seeds(self) -> "RunMatrix":
        """The sizes with the most trainings, which decide claims."""
        counts = Counter(self.sizes)
        most = max(counts.values())
        return self._with([size for size, count in counts.items() if count == most])

    def _with(self, sizes: Sequence[str]) -> "RunMatrix":
        rows = [row for row, size in enumerate(self.sizes) if size in sizes]
        return RunMatrix(
            tuple(self.runs[row] for row in rows),
            self.items,
            self.values[rows],
            tuple(self.sizes[row] for row in rows),
        )

    def over(self, items: tuple[Any, ...]) -> NDArray[np.float64]:
        """The values of some items, :math:`(S, P)`; nan for unknown items."""
        columns = dict(zip(self.items, self.values.T, strict=True))
        unknown = np.full(len(self.runs), np.nan)
        return np.column_stack([columns.get(item, unknown) for item in items])

    def estimate(self, kind: MeanKind = "arithmetic") -> CrossedEstimate:
        """The mean, equal weight per size, with its interval over trainings and pairs.

        Pairs without a value in some training are left out.
        """
        return crossed_contrast(self.terms(1, self.items), kind)

    def terms(self, weight: float, items: tuple[Any, ...]) -> list[Term]:
        """The mean over some items as terms of a contrast, one per size."""
        parts = [self._with([size]) for size in dict.fromkeys(self.sizes)]
        return [Term(weight / len(parts), part.runs, part.over(items)) for part in parts]


def run_matrices(rows: list[Mapping[str, Any]]) -> dict[Key, RunMatrix]:
    """Matrices from rows of ``panel, series, x, size, run, item, value``.

    Example:
        >>> row = {"panel": "chairs", "series": "VAE", "x": 1.0, "size": "[32]", "run": "a"}
        >>> rows = [row | {"item": 0, "value": 2.0}, row | {"item": 1, "value": 4.0}]
        >>> run_matrices(rows)["chairs", "VAE", 1.0].estimate().value
        3.0
    """
    sorted_rows: dict[Key, dict[tuple[str, Any], float]] = {}
    sizes: dict[str, str] = {}
    for row in rows:
        key = (row["panel"], row["series"], float(row["x"]))
        value = row["value"]
        number = np.nan if value is None else float(value)
        sorted_rows.setdefault(key, {})[row["run"], row["item"]] = number
        sizes[row["run"]] = str(row["size"])
    return {key: _matrix(values, sizes) for key, values in sorted_rows.items()}


def _matrix(known: Mapping[tuple[str, Any], float], sizes: Mapping[str, str]) -> RunMatrix:
    runs = tuple(dict.fromkeys(run for run, _ in known))
    items = tuple(dict.fromkeys(item for _, item in known))
    values = np.array([[known.get((run, item), np.nan) for item in items] for run in runs])
    return RunMatrix(runs, items, values, tuple(sizes[run] for run in runs))
