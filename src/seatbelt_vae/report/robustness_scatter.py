"""Scatter plot of robustness against ELBO, with the Pareto front and the dominated area."""

from collections.abc import Sequence
from itertools import chain

from markupsafe import Markup

from seatbelt_vae.report.drawing.axis import Axis, reach
from seatbelt_vae.report.drawing.chart import Points
from seatbelt_vae.report.drawing.page_chart import PageChart
from seatbelt_vae.report.drawing.style import INK, Look, look
from seatbelt_vae.report.scores import Group, Score
from seatbelt_vae.report.tables import HEADLINE, interval, number

__all__ = ["AXES", "scatter"]

Point = tuple[float, float]

AXES = {HEADLINE: "gap at ε = 0.2", "auddc_worst": "AUDDC, worst"}
"""The axis label of each measure of robustness."""

_LONGEST_NAME = 24


def scatter(group: Group, measure: str, position: int) -> Markup | None:
    """The plot of one group: points, fronts and names; None if no model has both values."""
    scores = [score for score in group.scores if score.place(measure)]
    if not scores:
        return None
    chart = PageChart(
        f"{'gap' if measure == HEADLINE else 'auddc'}-{position}",
        f"{AXES[measure]} against ELBO: {group.title}",
        _axis("ELBO, nats per image", [_at(score, measure)[0] for score in scores], 1.0, 0.1),
        _axis(AXES[measure], reach(s.robustness[measure] for s in scores), 0.05),
        size=(460, 340),
        left=58,
    )
    lines = _draw_fronts(chart, scores, measure)
    for score in scores:
        own, place = look(score.index), _at(score, measure)
        lines.append(chart.interval(score.robustness[measure], "whisker", own, x=place[0]))
        kind = "hollow" if score.flagged else "ringed"
        chart.dots([place], kind, own, [_tooltip(score, measure)], 5.5)
    first = sorted(scores, key=lambda score: not score.on_front[measure])
    names = [_short(score.run) for score in first]
    chart.names([_at(score, measure) for score in first], names, lines)
    return chart.render()


def _at(score: Score, measure: str) -> Point:
    place = score.place(measure)
    assert place is not None
    return place


def _draw_fronts(chart: PageChart, scores: Sequence[Score], measure: str) -> list[Points]:
    """Draw the front of the unflagged models, and the front of all models as a dotted line."""
    every = _stairs(chart, [_at(s, measure) for s in scores if s.on_front[measure]])
    sure = _stairs(chart, [_at(s, measure) for s in scores if s.on_unflagged_front[measure]])
    floor = chart.y.low
    chart.band([(x, floor) for x, _ in (every[0], every[-1])], every, "dominated", Look(INK, ""))
    if every != sure:
        chart.line(every, "front flagged", title="Pareto front including flagged models")
    if sure:
        chart.line(sure, "front", title="Pareto front")
    return [every, sure]


def _stairs(chart: PageChart, front: Sequence[Point]) -> list[Point]:
    """The front as a step line from the left edge to the bottom edge."""
    places = sorted(set(front))
    below = [*(y for _, y in places[1:]), chart.y.low]
    edges = [[(x, y), (x, lower)] for (x, y), lower in zip(places, below, strict=False)]
    return [(chart.x.low, places[0][1]), *chain(*edges)] if places else []


def _axis(label: str, values: Sequence[float], least: float, name: float = 0.0) -> Axis:
    """An axis with a margin around its values.

    Args:
        label: quantity and unit.
        values: the values to cover.
        least: the smallest range.
        name: margin for a name above the last value, as a share of the range.
    """
    low, high = min(values), max(values)
    pad = max(0.1 * (high - low), (least - (high - low)) / 2)
    low, high = low - pad, high + pad + name * (high - low)
    return Axis(label, low, high)


def _tooltip(score: Score, measure: str) -> str:
    found = score.robustness[measure]
    ends = interval(found.low, found.high)
    value = f"{number(found.value)} ({ends})" if ends else number(found.value)
    trust = f"; {score.trust['text']} ({', '.join(score.trust['flags'])})" if score.flagged else ""
    return f"{score.run}: ELBO {number(score.elbo)}, {AXES[measure]} {value}{trust}"


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"…{name[1 - _LONGEST_NAME :]}"
