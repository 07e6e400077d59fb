"""The charts of an audit: each goal against the budget, one chart per norm."""

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from seatbelt_vae.auditing.metrics import METRICS
from seatbelt_vae.config.audit import LEVELS
from seatbelt_vae.evaluation.bootstrap import Estimate
from seatbelt_vae.report.drawing.axis import Axis
from seatbelt_vae.report.drawing.page_chart import PageChart
from seatbelt_vae.report.drawing.style import look
from seatbelt_vae.report.tables import number
from seatbelt_vae.runs.audit_answers import Result
from seatbelt_vae.runs.audit_document import Audit

__all__ = ["CHARTED", "THREATS", "chart_of"]

Row = dict[str, Any]

CHARTED = {
    "gap": "Reconstruction gap",
    "code_gap": "Code gap",
    "damage": "Damage",
}
"""Title of each charted metric."""

THREATS = {"l2": "L2", "linf": "L∞", "sd": "L∞"}
"""The name of each norm."""

_AXES = {
    "l2": "budget ε = ‖d‖₂ / ‖xₜ − x‖₂",
    "linf": "budget ε = ‖d‖∞, in 1/255 of the range",
    "sd": "budget ε = ‖d‖∞, in standard deviations",
}
_LINES = {
    "identity": "copy of the input",
    "blend": "blend of the two inputs",
    "ppca": "pPCA",
    "certified": "certificate: no attack gets below",
}
_KINDS = {
    "identity": ("identity", look(5)),
    "blend": ("blend", look(0)),
    "ppca": ("reference", look(1)),
    "certified": ("ceiling", look(2)),
}
_SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
_DECLARED = {metric.name: metric for metric in METRICS}


def chart_of(audit: Audit, worst: Sequence[Row], goal: str, threat: str) -> Markup | None:
    """One metric against the budgets of one norm; None if it was not measured.

    Args:
        audit: the audit.
        worst: one row per pair, threat, budget and goal.
        goal: a key of `CHARTED`.
        threat: a key of `THREATS`.
    """
    results = {
        _position(r.epsilon, threat): r
        for r in audit.results
        if r.metric.startswith(f"{goal}@")
        and r.threat == threat
        and r.epsilon is not None
        and r.value is not None
    }
    if not results:
        return None
    share, points = goal != "damage", _points(worst, goal, threat)
    start = (0.0, 1.0) if share else None
    values = [y for _, y in points] + [v for r in results.values() for v in _values(r)]
    chart = PageChart(
        f"{goal}-{threat}",
        f"{CHARTED[goal]} against the {THREATS[threat]} budget",
        Axis(_AXES[threat], 0, 1.05 * max(results), (0, *results)),
        _vertical(goal, [*values, 1.0]),
    )
    for line, (kind, style) in _KINDS.items():
        known = [(x, y) for x, r in results.items() if (y := getattr(r.lines, line)) is not None]
        if known:
            first = [(0.0, 1.0)] if share or line == "identity" else []
            chart.line([*first, *known], kind, style, _LINES[line])
    titles = [f"one pair at {x:.3g}: {number(y)}" for x, y in points]
    chart.dots(points, "faint", look(0), titles, 3)
    curve = {x: Estimate(r.value, r.low, r.high, "arithmetic", r.pairs) for x, r in results.items()}
    chart.means(curve, look(0), f"{CHARTED[goal].lower()}, mean over pairs", start)
    return chart.render()


def _position(epsilon: float | None, threat: str) -> float:
    """A budget in the unit of its axis, in four digits, so that equal budgets are equal."""
    return float(f"{(epsilon or 0.0) * (LEVELS if threat == 'linf' else 1):.4g}")


def _points(worst: Sequence[Row], goal: str, threat: str) -> list[tuple[float, float]]:
    """Budget and value of every pair that counts for the metric."""
    return [
        (_position(row["epsilon"], threat), row["value"])
        for row in worst
        if row["goal"] == goal
        and row["threat"] == threat
        and row["value"] is not None
        and (row["told_apart"] or goal == "damage")
    ]


def _values(result: Result) -> list[float]:
    ends = (result.value, result.low, result.high, *vars(result.lines).values())
    return [value for value in ends if value is not None]


def _vertical(goal: str, values: Sequence[float]) -> Axis:
    better = {"higher": " (higher is better)", "lower": " (lower is better)"}
    label = f"{CHARTED[goal].lower()}{better[_DECLARED[goal].better]}"
    top = 1.05 * max(values)
    return Axis(label, 0, top) if goal == "damage" else Axis(label, 0, top, _SHARES)
