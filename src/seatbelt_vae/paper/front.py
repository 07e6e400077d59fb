"""The front of defences: means of each kind of model, dominance, and the line of the identity."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, Literal

from seatbelt_vae.evaluation.two_way_bootstrap import CrossedEstimate, crossed_contrast
from seatbelt_vae.paper.frontier import LINEAR
from seatbelt_vae.paper.run_matrix import RunMatrix, run_matrices
from seatbelt_vae.results import pareto_front

__all__ = ["COSTS", "Kind", "Place", "crossing", "kinds_of", "places"]

COSTS = {"elbo": 1, "unexplained_variance": -1}
"""Measures of the cost of a defence: 1 if larger is better, −1 if smaller is."""

Place = Literal["front", "perhaps", "dominated"]
"""On the front of the means; dominated, but not beyond the intervals; dominated beyond them."""

_Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, eq=False)
class Kind:
    """One kind of model on one data set.

    Args:
        panel: the data set.
        series: the kind of model.
        gaps: the gap of each pair and training, by budget ε.
        costs: ELBO and unexplained variance of each training.
        blend: the mean gap of the blend, by ε; empty for linear references.
        certified: the mean certified gap, by ε; empty for networks without a constant.
        training_s: mean CPU time of a training, in seconds.
    """

    panel: str
    series: str
    gaps: Mapping[float, RunMatrix]
    costs: Mapping[str, RunMatrix]
    blend: Mapping[float, float]
    certified: Mapping[float, float]
    training_s: float | None

    @cached_property
    def gap(self) -> Mapping[float, CrossedEstimate]:
        """The mean gap by ε, over trainings and pairs."""
        return {epsilon: matrix.estimate() for epsilon, matrix in self.gaps.items()}

    @cached_property
    def cost(self) -> Mapping[str, CrossedEstimate]:
        """The mean of each measure of `COSTS`, over trainings."""
        return {name: matrix.estimate() for name, matrix in self.costs.items()}

    @property
    def is_linear(self) -> bool:
        """Whether it is a linear reference."""
        return self.series.startswith(LINEAR)

    def position(self, epsilon: float, measure: str) -> tuple[float, float] | None:
        """Cost and gap, larger is better; None if one of them is undefined."""
        gap = self.gap[epsilon].value if epsilon in self.gap else None
        cost = self.cost[measure].value
        return None if gap is None or cost is None else (COSTS[measure] * cost, gap)


def kinds_of(rows: _Rows, order: Sequence[str] = ()) -> list[Kind]:
    """The kinds of models in the rows of a `DefenceFigure`.

    Args:
        rows: the rows.
        order: names of series in the order of the result; others follow, shorter names first.
    """
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for row in rows:
        groups.setdefault((row["panel"], row["series"]), []).append(row)
    known = {name: place for place, name in enumerate(order)}
    # linear references by their number of units: 2, 8, 32
    placed = sorted(
        groups, key=lambda key: (key[0], known.get(key[1], len(known)), len(key[1]), key[1])
    )
    return [_kind(panel, series, groups[panel, series]) for panel, series in placed]


def places(kinds: Sequence[Kind], epsilon: float, measure: str) -> dict[str, Place]:
    """The place of each series of one data set in the plane of a measure and the gap.

    A point is `dominated` if some point of the front is better in gap and cost by contrasts whose
    95 % intervals, over trainings and jointly resampled pairs, exclude 0.
    """
    known = {k: p for k in kinds if (p := k.position(epsilon, measure)) is not None}
    on_front = dict(zip(known, pareto_front(list(known.values())), strict=True))
    front = [kind for kind, on in on_front.items() if on]

    def place(kind: Kind) -> Place:
        if on_front[kind]:
            return "front"
        beaten = any(_surely_better(other, kind, epsilon, measure) for other in front)
        return "dominated" if beaten else "perhaps"

    return {kind.series: place(kind) for kind in known}


def crossing(gap: Mapping[float, CrossedEstimate]) -> float | None:
    """The largest ε at which a gap falls from above 1 − ε to it, linear between the budgets.

    Args:
        gap: the gap by budget.

    Returns:
        The budget; infinite if the gap is above 1 − ε at the largest budget, None if at no budget.
    """
    above = [(e, g.value - (1 - e)) for e, g in sorted(gap.items()) if g.value is not None]
    if above and above[-1][1] > 0:
        return float("inf")
    falls = [
        e + (next_e - e) * a / (a - next_a)
        for (e, a), (next_e, next_a) in pairwise(above)
        if a > 0 >= next_a
    ]
    return falls[-1] if falls else None


def _surely_better(first: Kind, second: Kind, epsilon: float, measure: str) -> bool:
    pairs = (
        (1, first.gaps[epsilon], second.gaps[epsilon]),
        (COSTS[measure], first.costs[measure], second.costs[measure]),
    )
    return all(_surely_above(*pair) for pair in pairs)


def _surely_above(sign: int, first: RunMatrix, second: RunMatrix) -> bool:
    """Whether the interval of sign · (first − second) is above 0."""
    items = tuple(dict.fromkeys((*first.items, *second.items)))
    low = crossed_contrast([*first.terms(sign, items), *second.terms(-sign, items)]).low
    return low is not None and low > 0


def _kind(panel: str, series: str, rows: _Rows) -> Kind:
    times = {row["run"]: row["training_s"] for row in rows if row["training_s"] is not None}
    gaps = run_matrices([_cell(row, row["epsilon"], row["item"], row["gap"]) for row in rows])
    costs = {
        name: run_matrices([_cell(row, 0.0, None, row[name]) for row in rows])[panel, series, 0.0]
        for name in COSTS
    }
    return Kind(
        panel,
        series,
        {epsilon: matrix for (_, _, epsilon), matrix in gaps.items()},
        costs,
        dict(_means(rows, "blend_gap")),
        dict(_means(rows, "certified_gap")),
        sum(times.values()) / len(times) if times else None,
    )


def _cell(
    row: Mapping[str, Any], x: float, item: int | None, value: float | None
) -> dict[str, Any]:
    """A row of `run_matrices`."""
    named = {name: row[name] for name in ("panel", "series", "run")}
    return {**named, "x": x, "size": "", "item": item, "value": value}


def _means(rows: _Rows, column: str) -> Iterator[tuple[float, float]]:
    """The mean of a column by ε, without nulls."""
    values: dict[float, list[float]] = {}
    for row in rows:
        if row[column] is not None:
            values.setdefault(row["epsilon"], []).append(row[column])
    yield from ((epsilon, sum(found) / len(found)) for epsilon, found in values.items())
