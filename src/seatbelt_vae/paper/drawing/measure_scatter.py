"""One measure of a model against another; marker shape is the series, colour is β."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from matplotlib.lines import Line2D

from seatbelt_vae.evaluation.two_way_bootstrap import CrossedEstimate, Term, crossed_contrast
from seatbelt_vae.paper.drawing.captions import count_noun, describe_range
from seatbelt_vae.paper.drawing.looks import looks, ramp
from seatbelt_vae.paper.drawing.sheet import Rows, Sheet
from seatbelt_vae.paper.figure_kinds import Scatter
from seatbelt_vae.report.drawing.axis import Axis, reach, span_of
from seatbelt_vae.report.drawing.layout import panel_grid
from seatbelt_vae.report.drawing.marks import entry
from seatbelt_vae.report.drawing.style import MUTED, Look

__all__ = ["draw_scatter"]

_HEIGHT = 2.3


@dataclass(frozen=True)
class _Model:
    """The position of a model."""

    panel: str
    series: str
    beta: float
    x: float
    y: CrossedEstimate


def draw_scatter(figure: Scatter, rows: Mapping[str, Rows]) -> dict[str, Sheet]:
    """One sheet per strength, all with the same axes."""
    models = {strength: _models(of_strength) for strength, of_strength in rows.items()}
    everything = [model for of_strength in models.values() for model in of_strength]
    look = looks(model.series for model in everything)
    colours = ramp(model.beta for model in everything)
    spans = {
        panel: _spans(figure, [model for model in everything if model.panel == panel])
        for panel in dict.fromkeys(model.panel for model in everything)
    }
    return {
        strength: _sheet(figure, shown, spans, look, colours) if shown else Sheet(None, "")
        for strength, shown in models.items()
    }


def _models(rows: Rows) -> list[_Model]:
    """The runs with both measures, averaged over pairs."""
    values: dict[tuple[str, str, float, str], list[tuple[float, float]]] = {}
    for row in rows:
        if row["x"] is not None and row["y"] is not None:
            key = (row["panel"], row["series"], float(row["beta"]), row["run"])
            values.setdefault(key, []).append((float(row["x"]), float(row["y"])))
    models = []
    for (panel, series, beta, run), pairs in values.items():
        x, y = np.array(pairs).T
        estimate = crossed_contrast([Term(1, run, y[None])])
        models.append(_Model(panel, series, beta, float(x.mean()), estimate))
    return models


def _spans(figure: Scatter, models: Sequence[_Model]) -> tuple[Axis, Axis]:
    x = span_of([model.x for model in models], [], logarithmic=False)
    y = reach(model.y for model in models)
    shown = [value for value in y if value > 0] if figure.logarithmic else y
    y_axis = span_of(shown or [1.0], [], logarithmic=figure.logarithmic)
    return replace(x, label=figure.x_label), y_axis


def _sheet(
    figure: Scatter,
    models: Sequence[_Model],
    spans: Mapping[str, tuple[Axis, Axis]],
    look: Mapping[str, Look],
    colours: Mapping[float, str],
) -> Sheet:
    entries = _legend(look, colours)
    entries += [entry(figure.equality, line="reference")] if figure.equality else []
    canvas, charts = panel_grid(spans, _HEIGHT, figure.label, entries)
    panels = dict(zip(spans, charts, strict=True))
    for chart in charts if figure.equality else []:
        ends = (max(chart.x.low, chart.y.low), min(chart.x.high, chart.y.high))
        chart.line([(end, end) for end in ends], "reference", title=figure.equality)
    for model in models:
        own = Look(colours[model.beta], look[model.series].marker)
        chart = panels[model.panel]
        chart.interval(model.y, "whisker", own, x=model.x)
        if model.y.value is not None:
            name = f"{model.series}, β = {model.beta:g}"
            chart.dots([(model.x, model.y.value)], "ringed", own, [name], 5.5)
    return Sheet(canvas, _caption(models))


def _legend(look: Mapping[str, Look], colours: Mapping[float, str]) -> list[Line2D]:
    entries = {name: Look(MUTED, series.marker) for name, series in look.items()}
    entries |= {f"β = {beta:g}": Look(colour, "o") for beta, colour in colours.items()}
    return [entry(label, own, dots="solid") for label, own in entries.items()]


def _caption(models: Sequence[_Model]) -> str:
    pairs = describe_range((model.y.pairs for model in models), "pair")
    caption = f"One point per model: {count_noun(len(models), 'model')}, means over {pairs}."
    bars = any(model.y.low is not None for model in models)
    return caption + (" Bars: 95 % intervals over the pairs of one model." if bars else "")
