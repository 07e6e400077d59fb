"""Robustness against ELBO: a point a model, the Pareto front, and what lies below it shaded."""

from collections.abc import Sequence
from itertools import chain

from markupsafe import Markup

from seatbelt_vae.evaluation.bootstrap import Estimate
from seatbelt_vae.report.page import colour
from seatbelt_vae.report.scores import Group, Score
from seatbelt_vae.report.svg import Axis, Plot, nice_ticks
from seatbelt_vae.report.tables import HEADLINE, number

__all__ = ["AXES", "scatter"]

Point = tuple[float, float]

AXES = {HEADLINE: "gap at ε = 0.2", "auddc_worst": "AUDDC, worst"}
"""What each measure of robustness is called."""

_LONGEST_NAME = 24


def scatter(group: Group, measure: str, position: int) -> Markup | None:
    """One point a model, the front, and names where there is room; None without a point."""
    scores = [score for score in group.scores if score.place(measure)]
    if not scores:
        return None
    plot = Plot(
        f"{'gap' if measure == HEADLINE else 'auddc'}-{position}",
        f"{AXES[measure]} against ELBO: {group.title}",
        _axis("ELBO, nats per image", [_at(score, measure)[0] for score in scores], 1.0, 0.1),
        _axis(AXES[measure], [v for s in scores for v in _reach(s.robustness[measure])], 0.05),
        width=460,
        height=340,
        left=58,
    )
    lines = [*_draw_fronts(plot, scores, measure), *_draw_whiskers(plot, scores, measure)]
    for score in scores:
        css = f"{'hollow' if score.doubted else 'solid'} {colour(score.index)}"
        plot.dots([_at(score, measure)], css, score.index, [_said(score, measure)], 5.5)
    first = sorted(scores, key=lambda score: not score.on_front[measure])
    names = [_short(score.run) for score in first]
    plot.names([_at(score, measure) for score in first], names, "name", lines)
    return plot.render()


def _at(score: Score, measure: str) -> Point:
    place = score.place(measure)
    assert place is not None
    return place


def _draw_fronts(plot: Plot, scores: Sequence[Score], measure: str) -> list[list[Point]]:
    """The front of the models that can be believed, and dotted what those in doubt would add."""
    every = _stairs(plot, [_at(s, measure) for s in scores if s.on_front[measure]])
    sure = _stairs(plot, [_at(s, measure) for s in scores if s.surely_on_front[measure]])
    floor = plot.y.low
    plot.band([(x, floor) for x, _ in (every[0], every[-1])], every, "bettered")
    if every != sure:
        plot.line(every, "front doubted", "Pareto front with models in doubt")
    if sure:
        plot.line(sure, "front", "Pareto front")
    return [every, sure]


def _stairs(plot: Plot, front: Sequence[Point]) -> list[Point]:
    """Along the front from the left edge to the bottom: what lies below is bettered."""
    places = sorted(set(front))
    below = [*(y for _, y in places[1:]), plot.y.low]
    edges = [[(x, y), (x, lower)] for (x, y), lower in zip(places, below, strict=False)]
    return [(plot.x.low, places[0][1]), *chain(*edges)] if places else []


def _draw_whiskers(plot: Plot, scores: Sequence[Score], measure: str) -> list[list[Point]]:
    whiskers = []
    for score in scores:
        x, _ = _at(score, measure)
        low, high = score.robustness[measure].low, score.robustness[measure].high
        if low is not None and high is not None:
            whiskers.append([(x, low), (x, high)])
            plot.line(whiskers[-1], f"whisker {colour(score.index)}")
    return whiskers


def _axis(label: str, values: Sequence[float], least: float, name: float = 0.0) -> Axis:
    """An axis with room around its values, which are not drawn so far apart as if they differed.

    Args:
        label: what it measures.
        values: what must be on it.
        least: the smallest range.
        name: room for a name beyond the last value, as a share of the range.
    """
    low, high = min(values), max(values)
    pad = max(0.1 * (high - low), (least - (high - low)) / 2)
    low, high = low - pad, high + pad + name * (high - low)
    return Axis(label, low, high, nice_ticks(low, high))


def _reach(found: Estimate) -> list[float]:
    return [value for value in (found.value, found.low, found.high) if value is not None]


def _said(score: Score, measure: str) -> str:
    trust = f"; {score.trust['text']} ({', '.join(score.trust['flags'])})" if score.doubted else ""
    value = _with_interval(score.robustness[measure])
    return f"{score.run}: ELBO {number(score.elbo)}, {AXES[measure]} {value}{trust}"


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"…{name[1 - _LONGEST_NAME :]}"


def _with_interval(found: Estimate) -> str:
    if found.low is None or found.high is None:
        return number(found.value)
    return f"{number(found.value)} ({number(found.low)} … {number(found.high)})"
