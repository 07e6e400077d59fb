"""Rows of a query sorted into cells: a matrix of trainings × pairs for each panel, series and β."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seatbelt_vae.evaluation.bootstrap import Kind
from seatbelt_vae.evaluation.crossed import CrossedEstimate, Term, crossed_contrast

__all__ = ["Cell", "Key", "cells_of"]

Key = tuple[str, str, float]
"""Panel, series, and β."""


@dataclass(frozen=True)
class Cell:
    """What one kind of model reached.

    Args:
        runs: its trainings.
        items: its pairs or images; (None,) where a training has one number.
        values: one number a training and item, nan where there is none.
        seeds: of how many seeds the trainings are; others differ in size.
    """

    runs: tuple[str, ...]
    items: tuple[Any, ...]
    values: NDArray[np.float64]
    seeds: int

    def over(self, items: tuple[Any, ...]) -> NDArray[np.float64]:
        """The values of some items, nan for those it has not, :math:`(S, P)`."""
        places = {item: column for column, item in enumerate(self.items)}
        values = np.full((len(self.runs), len(items)), np.nan)
        for column, item in enumerate(items):
            if item in places:
                values[:, column] = self.values[:, places[item]]
        return values

    def estimate(self, kind: Kind = "arithmetic") -> CrossedEstimate:
        """The mean with its interval over trainings and pairs.

        Pairs that some training says nothing about are left out.
        """
        found = crossed_contrast([Term(1, None, self.values)], kind)
        return replace(found, seeds=self.seeds)


def cells_of(rows: list[Mapping[str, Any]]) -> dict[Key, Cell]:
    """Sort the rows of a query that has ``panel, series, x, seed, run, item, value``.

    Example:
        >>> row = {"panel": "chairs", "series": "VAE", "x": 1.0, "seed": 0, "run": "a"}
        >>> rows = [row | {"item": 0, "value": 2.0}, row | {"item": 1, "value": 4.0}]
        >>> cells_of(rows)["chairs", "VAE", 1.0].estimate().value
        3.0
    """
    sorted_rows: dict[Key, dict[tuple[str, Any], float]] = {}
    seeds: dict[Key, set[int]] = {}
    for row in rows:
        key = (row["panel"], row["series"], float(row["x"]))
        value = row["value"]
        number = np.nan if value is None else float(value)
        sorted_rows.setdefault(key, {})[row["run"], row["item"]] = number
        seeds.setdefault(key, set()).add(row["seed"])
    return {key: _cell(found, len(seeds[key])) for key, found in sorted_rows.items()}


def _cell(found: Mapping[tuple[str, Any], float], seeds: int) -> Cell:
    runs = tuple(dict.fromkeys(run for run, _ in found))
    items = tuple(dict.fromkeys(item for _, item in found))
    values = np.array([[found.get((run, item), np.nan) for item in items] for run in runs])
    return Cell(runs, items, values, seeds)
