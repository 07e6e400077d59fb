"""Accuracies, clean and under attack: a plot, and a table with the published numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from seatbelt_vae.evaluation.two_way_bootstrap import CrossedEstimate, Term, crossed_contrast
from seatbelt_vae.paper.drawing.captions import describe_range
from seatbelt_vae.paper.drawing.looks import looks
from seatbelt_vae.paper.drawing.sheet import Row, Rows, Sheet, Table, TableCell
from seatbelt_vae.paper.published import published_rates
from seatbelt_vae.paper.run_matrix import run_matrices
from seatbelt_vae.report.drawing.axis import Axis
from seatbelt_vae.report.drawing.chart import Chart
from seatbelt_vae.report.drawing.marks import add_legend, entry
from seatbelt_vae.report.drawing.style import INK, PUBLISHED, Look, canvas

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
            part = (row["panel"], row["classifier"])
            parts.setdefault(part, []).append(row | {"x": 0.0, "size": ""})
    order = list(_CLASSIFIERS)
    ordered = sorted(parts, key=lambda part: (part[0], order.index(part[1])))
    return [rate for part in ordered for rate in _of_classifier(*part, parts[part])]


def _of_classifier(panel: str, classifier: str, rows: Rows) -> list[_Rate]:
    clean, attacked, distance = (
        run_matrices([{**row, "value": row[name]} for row in rows])
        for name in ("clean", "attacked", "distance")
    )
    rates = []
    for name in looks(row["series"] for row in rows):
        key = (panel, name, 0.0)
        runs, before, after = clean[key].runs, clean[key], attacked[key]
        # the difference is on the same images of the same trainings
        drop = crossed_contrast([Term(1, runs, after.values), Term(-1, runs, before.values)])
        shares = (_between(0, before.estimate()), _between(0, after.estimate()))
        far = float(np.nanmean(distance[key].values))
        rates.append(_Rate(panel, classifier, name, *shares, _between(-1, drop), far))
    return rates


def _between(lowest: float, estimate: CrossedEstimate) -> CrossedEstimate:
    """The estimate with its interval clipped to the possible range, [lowest, 1]."""
    if estimate.low is None or estimate.high is None:
        return estimate
    return replace(estimate, low=max(estimate.low, lowest), high=min(estimate.high, 1.0))


def _sheet(rates: Sequence[_Rate], look: Mapping[str, Look]) -> Sheet:
    places = _places(rates)
    names = {place: rate.series for place, rate in places.items()}
    sheet = canvas(_WIDTH, _ROW * (1 - min(places)) + 1.2)
    x = Axis("accuracy", 0, 1, write=_percent)
    y = Axis("", min(places) - 0.6, 1.1, list(places), lambda place: names[place])
    chart = Chart(sheet.subplots(), x, y, grid="x")
    chart.axes.tick_params(axis="y", labelcolor=INK)
    published = published_rates()
    headings = set()
    for place, rate in places.items():
        heading = f"{_CLASSIFIERS[rate.classifier]}, {rate.panel}"
        if heading not in headings:
            chart.write(0, place + 0.72, heading, fontsize=8.5, fontweight="bold")
        headings.add(heading)
        _draw(chart, place, rate, look[rate.series])
        if shares := published.get((rate.classifier, rate.series)):
            _draw_published(chart, place - 0.33, *shares, look[rate.series].marker)
    ours = [entry("clean", dots="hollow"), entry("under attack", dots="solid")]
    theirs = Look(PUBLISHED, "o")
    add_legend(sheet, [*ours, entry("published (set not named)", theirs, "published")])
    return Sheet(sheet, _caption(rates), _table(rates))


def _places(rates: Sequence[_Rate]) -> dict[float, _Rate]:
    """The rates by y position, downwards, with room before each classifier."""
    places: dict[float, _Rate] = {}
    place, last = 1.0, rates[0].classifier
    for rate in rates:
        place -= 1.0 if rate.classifier == last else 2.3
        places[place], last = rate, rate.classifier
    return places


def _draw(chart: Chart, y: float, rate: _Rate, look: Look) -> None:
    clean, attacked = rate.clean.value, rate.attacked.value
    assert clean is not None
    assert attacked is not None
    name = f"{rate.classifier}, {rate.series}"
    chart.line([(clean, y), (attacked, y)], "whisker", look)
    for found in (rate.clean, rate.attacked):
        chart.interval(found, "interval", look, y=y)
    chart.dots([(clean, y)], "hollow", look, [f"{name}, clean"], 4.5)
    chart.dots([(attacked, y)], "solid", look, [f"{name}, attacked"], 4.5)
    chart.write(1.02, y, f"{_percent(clean)} → {_percent(attacked)}")


def _draw_published(chart: Chart, y: float, attacked: float, drop: float, marker: str) -> None:
    look = Look(PUBLISHED, marker)
    chart.line([(attacked - drop, y), (attacked, y)], "identity", look)
    chart.dots([(attacked - drop, y)], "hollow", look, size=3)
    chart.dots([(attacked, y)], "solid", look, size=3)


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
