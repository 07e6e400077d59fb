"""The numbers of an audit: means over pairs with intervals, reference lines and winning losses."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from seatbelt_vae.auditing.goals import GOALS, Goal
from seatbelt_vae.auditing.metrics import METRICS
from seatbelt_vae.auditing.threat_budgets import metric_name
from seatbelt_vae.evaluation.bootstrap import estimate
from seatbelt_vae.runs.audit_answers import Lines, Result

__all__ = ["results_of", "stated"]

Row = dict[str, Any]

_LINES = ("identity", "blend", "ppca", "certified")
_DECLARED = {metric.name: metric for metric in METRICS}
_SIMILARITIES = ("psnr_input", "ssim_input", "psnr_output", "ssim_output", "code_shift")
_TOKENS = "tokens_changed"


def results_of(worst: Sequence[Row], seed: int) -> list[Result]:
    """The results of the goals, and the similarities of the worst cases of the headline goal.

    Args:
        worst: one row per pair, threat, budget and goal.
        seed: seed of the bootstrap.
    """
    return [*_goals(worst, seed), *_similarities(worst, seed)]


def stated(
    name: str, threat: str, epsilon: float | None, values: Sequence[float | None], seed: int
) -> Result:
    """The mean of a declared metric over pairs or images; None for those without a number.

    A metric of all budgets together has no ``epsilon``.
    """
    declared = _DECLARED[name]
    known = [value for value in values if value is not None]
    found = estimate(known, seed=seed)
    return Result(
        metric=name if epsilon is None else metric_name(name, threat, epsilon),
        goal=name,
        threat=threat,
        epsilon=epsilon,
        value=found.value,
        low=found.low,
        high=found.high,
        unit=declared.unit,
        better=declared.better,
        pairs=len(known),
    )


def _goals(worst: Sequence[Row], seed: int) -> Iterator[Result]:
    for goal in GOALS:
        for (threat, epsilon), rows in _by_budget(worst, goal).items():
            found = stated(goal.name, threat, epsilon, [row["value"] for row in rows], seed)
            yield _with_lines(found, rows)


def _with_lines(result: Result, rows: Sequence[Row]) -> Result:
    lines = {}
    for line in _LINES:
        known = [row[line] for row in rows if row.get(line) is not None]
        lines[line] = sum(known) / len(known) if known else None
    won = Counter(row["loss"] for row in rows)
    return replace(result, lines=Lines(**lines), won_by=dict(won.most_common()))


def _similarities(worst: Sequence[Row], seed: int) -> Iterator[Result]:
    for name in (*_SIMILARITIES, _TOKENS):
        for (threat, epsilon), rows in _by_budget(worst, GOALS[0]).items():
            values = [row.get(name) for row in rows]
            if any(value is not None for value in values):
                yield stated(name, threat, epsilon, values, seed)


def _by_budget(worst: Sequence[Row], goal: Goal) -> dict[tuple[str, float], list[Row]]:
    """Rows of a goal by threat and budget, without pairs that the model does not tell apart."""
    found: dict[tuple[str, float], list[Row]] = {}
    for row in worst:
        if row["goal"] == goal.name:
            chosen = found.setdefault((row["threat"], row["epsilon"]), [])
            if row["told_apart"] or goal.name == "damage":
                chosen.append(row)
    return found
