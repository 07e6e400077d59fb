"""Accuracies, clean and under attack: a plot, and a table with the published numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from seatbelt_vae.evaluation.two_way_bootstrap import CrossedEstimate, Term, crossed_contrast
from seatbelt_vae.paper.drawing.captions import describe_range
from seatbelt_vae.paper.drawing.looks import looks
from seatbelt_vae.paper.drawing.sheet import Row, Rows, Sheet, Table, TableCell
from seatbelt_vae.paper.published import published_rates
from seatbelt_vae.paper.run_matrix import RunMatrix, run_matrices
from seatbelt_vae.report.drawing import style
from seatbelt_vae.report.drawing.axis import Axis
from seatbelt_vae.report.drawing.style import INK, MUTED, PUBLISHED, Look

__all__ = ["draw_rates"]

_WIDTH, _ROW = 6.6, 0.3
_CLASSIFIERS = {
    "mlp-reconstruction": "MLP(y | x̃)",
    "conv-reconstruction": "Conv(y | x̃)",
    "mlp-latents": "MLP(y | z)",
}
_HEAD = ("model", "clean", "under attack", "drop", "‖d‖ / ‖xₜ − x‖", "published, drop")


@dataclass(frozen=True)
class _Rate:
    """A classifier on the codes or reconstructions of one kind of model."""

    panel: str
    classifier: str
    series: str
    clean: CrossedEstimate
    attacked: CrossedEstimate
    drop: CrossedEstimate
    distance: float


def draw_rates(rows: Mapping[str, Rows]) -> dict[str, Sheet]:
    """One sheet per strength, with a table of its numbers."""
    rates = {strength: _rates(of_strength) for strength, of_strength in rows.items()}
    look = looks(rate.series for of_strength in rates.values() for rate in of_strength)
    return {
        strength: _sheet(shown, look) if shown else Sheet(None, "")
        for strength, shown in rates.items()
    }


def _rates(rows: Rows) -> list[_Rate]:
    """Accuracies, ordered by data set, classifier and series."""
    parts: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        if row["clean"] is not None and row["attacked"] is not None:
            parts.setdefault((row["panel"], row["classifier"]), []).append(
                {**row, "x": 0.0, "size": ""}
            )
    order = list(_CLASSIFIERS)
    ordered = sorted(parts, key=lambda part: (part[0], order.index(part[1])))
    return [rate for part in ordered for rate in _of_classifier(*part, parts[part])]


def _of_classifier(panel: str, classifier: str, rows: Rows) -> list[_Rate]:
    clean, attacked, distance = (
        run_matrices([{**row, "value": row[name]} for row in rows])
        for name in ("clean", "attacked", "distance")
    )
    series = looks(row["series"] for row in rows)
    return [
        _Rate(
            panel,
            classifier,
            name,
            _between(0, clean[key].estimate()),
            _between(0, attacked[key].estimate()),
            _between(-1, _difference(attacked[key], clean[key])),
            float(np.nanmean(distance[key].values)),
        )
        for name in series
        for key in [(panel, name, 0.0)]
    ]


def _difference(attacked: RunMatrix, clean: RunMatrix) -> CrossedEstimate:
    """The difference on the same images of the same trainings."""
    return crossed_contrast(
        [Term(1, clean.runs, attacked.values), Term(-1, clean.runs, clean.values)]
    )


def _between(lowest: float, estimate: CrossedEstimate) -> CrossedEstimate:
    """The estimate with its interval clipped to the possible range, [lowest, 1]."""
    if estimate.low is None or estimate.high is None:
        return estimate
    return replace(estimate, low=max(estimate.low, lowest), high=min(estimate.high, 1.0))


def _sheet(rates: Sequence[_Rate], look: Mapping[str, Look]) -> Sheet:
    places = _places(rates)
    canvas = style.canvas(_WIDTH, _ROW * (max(places) + 1) + 1.2)
    axes = canvas.subplots()
    style.tidy(axes)
    axes.grid(visible=False, axis="y")
    axes.grid(axis="x", color=style.GRID, linewidth=0.7)
    published = published_rates()
    for place, rate in zip(places, rates, strict=True):
        _draw(axes, place, rate, look[rate.series])
        if theirs := published.get((rate.classifier, rate.series)):
            _draw_published(axes, place, theirs, look[rate.series])
    _headings(axes, places, rates)
    Axis("accuracy", 0, 1, write=lambda share: f"{100 * share:.0f} %").apply(axes, "x")
    axes.set_ylim(max(places) + 0.6, -1.1)
    axes.set_yticks(places, [rate.series for rate in rates], fontsize=8, color=INK)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    style.add_legend(canvas, _legend(), 3)
    return Sheet(canvas, _caption(rates), _table(rates))


def _places(rates: Sequence[_Rate]) -> list[float]:
    """The y position of each rate, with room before each classifier."""
    places, place, last = [], 0.0, rates[0].classifier
    for rate in rates:
        place += 1.3 if rate.classifier != last else 0.0
        places.append(place)
        place, last = place + 1.0, rate.classifier
    return places


def _draw(axes: Axes, place: float, rate: _Rate, look: Look) -> None:
    clean, attacked = rate.clean.value, rate.attacked.value
    assert clean is not None
    assert attacked is not None
    axes.plot([clean, attacked], [place, place], color=look.colour, linewidth=1.1, alpha=0.55)
    for name, value, estimate in zip(
        ("clean", "attacked"), (clean, attacked), (rate.clean, rate.attacked), strict=True
    ):
        if estimate.low is not None and estimate.high is not None:
            axes.hlines(
                place, estimate.low, estimate.high, color=look.colour, linewidth=3, alpha=0.3
            )
        mark = style.mark(look, hollow=name == "clean")
        axes.plot([value], [place], gid=f"{rate.classifier}, {rate.series}, {name}", **mark)
    words = f"{_percent(clean)} → {_percent(attacked)}"
    right = axes.get_yaxis_transform()
    axes.text(1.02, place, words, transform=right, fontsize=8, color=INK, va="center")


def _draw_published(axes: Axes, place: float, theirs: tuple[float, float], look: Look) -> None:
    attacked, drop = theirs
    y = place + 0.33
    axes.plot([attacked - drop, attacked], [y, y], color=PUBLISHED, linewidth=0.9)
    for x, hollow in ((attacked - drop, True), (attacked, False)):
        axes.plot([x], [y], **style.mark(Look(PUBLISHED, look.marker), 4, hollow=hollow))


def _headings(axes: Axes, places: Sequence[float], rates: Sequence[_Rate]) -> None:
    first = {(r.classifier, r.panel): y for y, r in reversed(list(zip(places, rates, strict=True)))}
    words: dict[str, Any] = {"fontsize": 8.5, "fontweight": "bold", "color": INK, "va": "center"}
    for (classifier, panel), place in first.items():
        name = style.verbatim(f"{_CLASSIFIERS[classifier]}, {panel}")
        axes.text(0.0, place - 0.72, name, **words)


def _legend() -> list[Line2D]:
    ours, grey = Look(MUTED, "o"), style.mark(Look(PUBLISHED, "o"), 4)
    return [
        style.entry("clean", **style.mark(ours, 5.5, hollow=True)),
        style.entry("under attack", **style.mark(ours, 5.5)),
        style.entry("published (set not named)", **grey | {"linestyle": "-", "linewidth": 0.9}),
    ]


def _table(rates: Sequence[_Rate]) -> Table:
    published = published_rates()
    rows = []
    for rate in rates:
        theirs = published.get((rate.classifier, rate.series))
        attacked, drop = (_percent(theirs[0]), _percent(theirs[1])) if theirs else ("–", "")
        rows.append(
            (
                TableCell(rate.series, _CLASSIFIERS[rate.classifier]),
                *(_cell(estimate) for estimate in (rate.clean, rate.attacked, rate.drop)),
                TableCell(f"{rate.distance:.2f}"),
                TableCell(attacked, drop, published=True),
            )
        )
    return Table(_HEAD, tuple(rows))


def _cell(estimate: CrossedEstimate) -> TableCell:
    low, high = estimate.low, estimate.high
    note = "" if low is None or high is None else f"{_percent(low)} … {_percent(high)}"
    return TableCell(_percent(estimate.value), note)


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.0f} %".replace("-", "−")


def _caption(rates: Sequence[_Rate]) -> str:
    trainings = describe_range((rate.drop.seeds for rate in rates), "training")
    images = describe_range((rate.drop.pairs for rate in rates), "image")
    few = any(rate.drop.of_these_models_only for rate in rates)
    over = "images, of these models only" if few else "trainings and images"
    return (
        f"The same images clean and attacked towards another class with λ = 1; {trainings} and "
        f"{images} per model. Bars and ranges: 95 % intervals over {over}. Where ‖d‖ / ‖xₜ − x‖ is "
        f"near 1, the attacked image is the target, and no model could keep its class."
    )
