"""The rows of a figure of curves as points with intervals and references."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from seatbelt_vae.evaluation.two_way_bootstrap import CrossedEstimate
from seatbelt_vae.paper.drawing.sheet import Rows
from seatbelt_vae.paper.figure_kinds import Curves
from seatbelt_vae.paper.run_matrix import RunMatrix, run_matrices

__all__ = ["Line", "Point", "count_failed", "lines_of"]

_FAILED = 1.001
"""Ratio of a mean to the trivial bound above which its attack failed."""


@dataclass(frozen=True)
class Point:
    """A kind of model at one β.

    Args:
        x: β.
        value: the mean.
        estimate: the mean with its interval and its numbers of trainings and pairs.
        references: means of the reference values over the same trainings and pairs.
    """

    x: float
    value: float
    estimate: CrossedEstimate
    references: tuple[float | None, ...]

    @property
    def few(self) -> bool:
        """Whether the mean is over fewer than three trainings."""
        return self.estimate.of_these_models_only

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
    """The lines of a figure, ordered by panel and series."""
    values = run_matrices(list(rows))
    references = [
        run_matrices([{**row, "value": row[f"reference_{k}"]} for row in rows])
        for k in range(len(figure.references))
    ]
    lines: dict[tuple[str, str], list[Point]] = {}
    for (panel, series, x), matrix in sorted(values.items()):
        estimate = matrix.estimate(figure.kind)
        if estimate.value is not None:
            means = tuple(_mean(matrices[panel, series, x]) for matrices in references)
            point = Point(x, estimate.value, estimate, means)
            lines.setdefault((panel, series), []).append(point)
    return [Line(panel, series, tuple(points)) for (panel, series), points in lines.items()]


def count_failed(figure: Curves, lines: Iterable[Line]) -> int:
    """The number of means above a ceiling, which no minimum exceeds."""
    return sum(
        reference.ceiling and mean is not None and point.value > _FAILED * mean
        for line in lines
        for point in line.points
        for reference, mean in zip(figure.references, point.references, strict=True)
    )


def _mean(matrix: RunMatrix) -> float | None:
    """The mean over pairs with a value in every training."""
    known = ~np.isnan(matrix.values).any(0)
    if not known.any():
        return None
    return float(sum(t.weight * t.values[:, known].mean() for t in matrix.terms(1, matrix.items)))
