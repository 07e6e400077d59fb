"""The tables of an audit's report: metrics by budget, and the losses that found the worst cases."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from seatbelt_vae.auditing.metrics import METRICS, Metric
from seatbelt_vae.report.tables import Cell, cell
from seatbelt_vae.runs.audit_answers import Result
from seatbelt_vae.runs.audit_document import Audit

__all__ = ["ARROWS", "LossTable", "MetricRow", "MetricTable", "loss_table", "metric_tables"]

ARROWS = {"higher": "↑", "lower": "↓", "": ""}
"""The direction that is better for the owner of the model."""

_LINES = {
    "identity": "copy of the input",
    "blend": "blend",
    "ppca": "pPCA",
    "certified": "certificate",
}
_ELSEWHERE = "accuracy"  # its answer has a section of its own
_WITHOUT_LOSS = ("zero", "blend", "noise")


@dataclass(frozen=True)
class MetricRow:
    """One metric, or one reference line of the metric above it, at every budget."""

    name: str
    metric: Metric | None
    cells: list[Cell]


@dataclass(frozen=True)
class MetricTable:
    """The metrics of one norm."""

    threat: str
    unit: str
    budgets: Sequence[str]
    rows: list[MetricRow]


@dataclass(frozen=True)
class LossTable:
    """How often each loss found the worst case, over all pairs and budgets.

    Args:
        goals: the goals, as columns.
        rows: per loss, its count for each goal; most wins first.
        totals: the sum of each column.
    """

    goals: list[str]
    rows: list[tuple[str, list[int]]]
    totals: list[int]


def metric_tables(audit: Audit) -> list[MetricTable]:
    """One table per norm that has results."""
    found = []
    for threat in audit.threats:
        rows = [row for metric in METRICS for row in _rows(audit, metric, threat.budgets)]
        if rows:
            found.append(MetricTable(threat.name, threat.unit, threat.budgets, rows))
    return found


def loss_table(audit: Audit) -> LossTable:
    """The counts of `Result.won_by`, summed over the budgets of a goal."""
    by_goal: dict[str, Counter[str]] = {}
    for result in audit.results:
        if result.won_by:
            by_goal.setdefault(result.goal, Counter()).update(result.won_by)
    total: Counter[str] = sum(by_goal.values(), Counter())
    losses = sorted(total, key=lambda loss: (loss in _WITHOUT_LOSS, -total[loss], loss))
    return LossTable(
        list(by_goal),
        [(loss, [counts[loss] for counts in by_goal.values()]) for loss in losses],
        [counts.total() for counts in by_goal.values()],
    )


def _rows(audit: Audit, metric: Metric, budgets: Sequence[str]) -> list[MetricRow]:
    """The row of a metric and the rows of its lines; none without results."""
    results = [audit.result(f"{metric.name}@{budget}") for budget in budgets]
    if metric.at != "all" or metric.name == _ELSEWHERE or not any(results):
        return []
    rows = [MetricRow(metric.name, metric, [_cell(result) for result in results])]
    for line, name in _LINES.items():
        values = [getattr(result.lines, line) if result else None for result in results]
        if any(value is not None for value in values):
            rows.append(MetricRow(name, None, [cell(value) for value in values]))
    return rows


def _cell(result: Result | None) -> Cell:
    return cell(result.value, result.low, result.high) if result else cell(None)
