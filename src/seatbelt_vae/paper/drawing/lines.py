"""The rows of a figure of curves as means with intervals and references."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from seatbelt_vae.evaluation.two_way_bootstrap import CrossedEstimate
from seatbelt_vae.paper.drawing.sheet import Rows
from seatbelt_vae.paper.figure_kinds import Curves
from seatbelt_vae.paper.run_matrix import Key, RunMatrix, run_matrices

__all__ = ["Line", "count_failed", "lines_of"]

_FAILED = 1.001
"""Ratio of a mean to the trivial bound above which its attack failed."""


@dataclass(frozen=True)
class Line:
    """A series on one data set.

    Args:
        panel: the data set.
        series: the kind of model.
        means: the mean at each β, ascending; none without a value.
        references: for each reference, its means over the same trainings and pairs.
    """

    panel: str
    series: str
    means: Mapping[float, CrossedEstimate]
    references: tuple[Mapping[float, float], ...]


def lines_of(figure: Curves, rows: Rows) -> list[Line]:
    """The lines of a figure, ordered by panel and series."""
    means: dict[tuple[str, str], dict[float, CrossedEstimate]] = {}
    for (*place, beta), matrix in sorted(run_matrices(list(rows)).items()):
        estimate = matrix.estimate(figure.kind)
        if estimate.value is not None:
            means.setdefault((place[0], place[1]), {})[beta] = estimate
    references = [
        run_matrices([{**row, "value": row[f"reference_{k}"]} for row in rows])
        for k in range(len(figure.references))
    ]
    return [
        Line(*place, own, tuple(_means(matrices, place, own) for matrices in references))
        for place, own in means.items()
    ]


def count_failed(figure: Curves, lines: Iterable[Line]) -> int:
    """The number of means above a ceiling, which no minimum exceeds."""
    return sum(
        (line.means[beta].value or 0.0) > _FAILED * mean
        for line in lines
        for reference, means in zip(figure.references, line.references, strict=True)
        for beta, mean in means.items()
        if reference.ceiling
    )


def _means(
    matrices: Mapping[Key, RunMatrix], place: tuple[str, str], betas: Iterable[float]
) -> dict[float, float]:
    """The mean at each β over pairs with a value in every training."""
    means = {}
    for beta in betas:
        matrix = matrices[*place, beta]
        known = ~np.isnan(matrix.values).any(0)
        if known.any():
            parts = matrix.terms(1, matrix.items)
            means[beta] = float(sum(t.weight * t.values[:, known].mean() for t in parts))
    return means
