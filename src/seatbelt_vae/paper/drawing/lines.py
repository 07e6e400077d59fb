"""The rows of a figure of curves as points with intervals and references."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from seatbelt_vae.evaluation.two_way_bootstrap import CrossedEstimate
from seatbelt_vae.paper.drawing.drawn import Rows
from seatbelt_vae.paper.figures import Curves
from seatbelt_vae.paper.run_matrix import Cell, cells_of

__all__ = ["Line", "Point", "failed", "lines_of"]

_FAILED = 1.001
"""Ratio to the trivial bound above which a mean shows that its attack failed."""


@dataclass(frozen=True)
class Point:
    """A kind of model at one β.

    Args:
        x: β.
        value: its mean.
        estimate: the mean with its interval and its numbers of trainings and pairs.
        references: means of the reference values over the same trainings and pairs.
    """

    x: float
    value: float
    estimate: CrossedEstimate
    references: tuple[float | None, ...]

    @property
    def interval(self) -> tuple[float, float] | None:
        """Low and high, if there are enough trainings or pairs."""
        low, high = self.estimate.low, self.estimate.high
        return None if low is None or high is None else (low, high)


@dataclass(frozen=True)
class Line:
    """A series on one data set, by ascending β."""

    panel: str
    series: str
    points: tuple[Point, ...]


def lines_of(figure: Curves, rows: Rows) -> list[Line]:
    """The lines of a figure, in the order of their panels and series."""
    values = cells_of(list(rows))
    references = [
        cells_of([{**row, "value": row[f"reference_{k}"]} for row in rows])
        for k in range(len(figure.references))
    ]
    found: dict[tuple[str, str], list[Point]] = {}
    for (panel, series, x), cell in sorted(values.items()):
        estimate = cell.estimate(figure.kind)
        if estimate.value is not None:
            beside = tuple(_mean(cells[panel, series, x]) for cells in references)
            point = Point(x, estimate.value, estimate, beside)
            found.setdefault((panel, series), []).append(point)
    return [Line(panel, series, tuple(points)) for (panel, series), points in found.items()]


def failed(figure: Curves, lines: Iterable[Line]) -> int:
    """The number of means above a ceiling, which no minimum exceeds."""
    return sum(
        reference.ceiling and beside is not None and point.value > _FAILED * beside
        for line in lines
        for point in line.points
        for reference, beside in zip(figure.references, point.references, strict=True)
    )


def _mean(cell: Cell) -> float | None:
    """Over the pairs that every training has a value of, as the drawn means are."""
    known = ~np.isnan(cell.values).any(0)
    if not known.any():
        return None
    return float(sum(t.weight * t.values[:, known].mean() for t in cell.terms(1, cell.items)))
