"""The table of the frontier: costs, gaps, training time and place of every kind of model."""

import math
from collections.abc import Sequence

from seatbelt_vae.evaluation.two_way_bootstrap import CrossedEstimate
from seatbelt_vae.paper.drawing.sheet import Table, TableCell
from seatbelt_vae.paper.front import Kind, crossing, places
from seatbelt_vae.paper.frontier import DefenceFigure
from seatbelt_vae.report.tables import interval, number

__all__ = ["frontier_table"]

_EPSILONS = (0.1, 0.2, 0.3)
_MEASURES = {"elbo": "ELBO", "unexplained_variance": "unexplained"}
_HEAD = (
    "model",
    "ELBO, nats",
    "unexplained variance",
    *(f"gap within {epsilon:g}" for epsilon in _EPSILONS),
    "CPU minutes of training",
    "above a copy up to ε",
    "on the front of the gap against",
)


def frontier_table(figure: DefenceFigure, experiment: str, kinds: Sequence[Kind]) -> Table:
    """One row per kind of model and data set, each with the query of its rows."""
    fronts: dict[tuple[str, str], list[str]] = {}
    for panel in dict.fromkeys(kind.panel for kind in kinds):
        models = [kind for kind in kinds if kind.panel == panel and not kind.is_linear]
        for measure, name in _MEASURES.items():
            on = [
                (k, e)
                for e in _EPSILONS
                for k, p in places(models, e, measure).items()
                if p == "front"
            ]
            for series in dict.fromkeys(series for series, _ in on):
                budgets = ", ".join(f"{e:g}" for other, e in on if other == series)
                fronts.setdefault((panel, series), []).append(f"{name} at {budgets}")
    rows = [
        _row(kind, figure.order, "; ".join(fronts.get((kind.panel, kind.series), ())))
        for kind in kinds
    ]
    queries = tuple(figure.query(experiment, panel=k.panel, series=k.series) for k in kinds)
    return Table(_HEAD, tuple(rows), queries)


def _row(kind: Kind, order: Sequence[str], fronts: str) -> tuple[TableCell, ...]:
    name = kind.series if kind.is_linear else f"{order.index(kind.series) + 1} {kind.series}"
    return (
        TableCell(name, kind.panel + _certified(kind)),
        *(_estimate(kind.cost[measure]) for measure in _MEASURES),
        *(_estimate(kind.gap[epsilon]) for epsilon in _EPSILONS),
        TableCell("–" if kind.training_s is None else number(kind.training_s / 60)),
        TableCell(_reach(kind)),
        TableCell(fronts),
    )


def _certified(kind: Kind) -> str:
    """The certified gaps, such as ``; certified 0.80, 0.60, 0.40``; empty without a certificate."""
    found = [f"{kind.certified[e]:.2f}" for e in _EPSILONS if e in kind.certified]
    return f"; certified {', '.join(found)}" if found else ""


def _estimate(found: CrossedEstimate) -> TableCell:
    return TableCell(number(found.value), interval(found.low, found.high))


def _reach(kind: Kind) -> str:
    found = crossing(kind.gap)
    if found is None:
        return "–"
    return "every ε" if math.isinf(found) else number(found)
