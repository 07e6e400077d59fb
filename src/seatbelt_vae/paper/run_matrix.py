"""Rows of a query sorted into cells: a matrix of trainings × pairs for each panel, series and β."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seatbelt_vae.evaluation.bootstrap import Kind
from seatbelt_vae.evaluation.crossed import CrossedEstimate, Term, crossed_contrast

__all__ = ["Key", "RunMatrix", "run_matrices"]

Key = tuple[str, str, float]
"""Panel, series, and β."""


@dataclass(frozen=True)
class RunMatrix:
    """What one kind of model reached.

    Args:
        runs: its trainings.
        items: its pairs or images; (None,) where a training has one number.
        values: one number a training and item, nan where there is none.
        sizes: the sizes of latent layers of each training.
    """

    runs: tuple[str, ...]
    items: tuple[Any, ...]
    values: NDArray[np.float64]
    sizes: tuple[str, ...]

    @property
    def seeds(self) -> int:
        """With how many seeds models were trained, of the size that has fewest."""
        return min(Counter(self.sizes).values())

    @property
    def of_most_seeds(self) -> "RunMatrix":
        """Its sizes that were trained most often, on which a claim can rest."""
        counts = Counter(self.sizes)
        most = max(counts.values())
        return self._of([size for size, count in counts.items() if count == most])

    def _of(self, sizes: Sequence[str]) -> "RunMatrix":
        rows = [row for row, size in enumerate(self.sizes) if size in sizes]
        return RunMatrix(
            tuple(self.runs[row] for row in rows),
            self.items,
            self.values[rows],
            tuple(self.sizes[row] for row in rows),
        )

    def over(self, items: tuple[Any, ...]) -> NDArray[np.float64]:
        """The values of some items, nan for those it has not, :math:`(S, P)`."""
        places = {item: column for column, item in enumerate(self.items)}
        values = np.full((len(self.runs), len(items)), np.nan)
        for column, item in enumerate(items):
            if item in places:
                values[:, column] = self.values[:, places[item]]
        return values

    def estimate(self, kind: Kind = "arithmetic") -> CrossedEstimate:
        """The mean with its interval over trainings and pairs; every size weighs the same.

        Pairs that some training says nothing about are left out.
        """
        return crossed_contrast(self.terms(1, self.items), kind)

    def terms(self, weight: float, items: tuple[Any, ...]) -> list[Term]:
        """The mean over some items as terms of a contrast, one a size."""
        parts = [self._of([size]) for size in dict.fromkeys(self.sizes)]
        return [Term(weight / len(parts), part.runs, part.over(items)) for part in parts]


def run_matrices(rows: list[Mapping[str, Any]]) -> dict[Key, RunMatrix]:
    """Sort the rows of a query that has ``panel, series, x, size, run, item, value``.

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
    return {key: _cell(found, sizes) for key, found in sorted_rows.items()}


def _cell(found: Mapping[tuple[str, Any], float], sizes: Mapping[str, str]) -> RunMatrix:
    runs = tuple(dict.fromkeys(run for run, _ in found))
    items = tuple(dict.fromkeys(item for _, item in found))
    values = np.array([[found.get((run, item), np.nan) for item in items] for run in runs])
    return RunMatrix(runs, items, values, tuple(sizes[run] for run in runs))
