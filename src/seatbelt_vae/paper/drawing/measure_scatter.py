"""One measure of a model against another; marker shape is the series, colour is β."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from seatbelt_vae.evaluation.two_way_bootstrap import CrossedEstimate, Term, crossed_contrast
from seatbelt_vae.paper.drawing.captions import count_noun, describe_range
from seatbelt_vae.paper.drawing.looks import looks, ramp
from seatbelt_vae.paper.drawing.sheet import Rows, Sheet
from seatbelt_vae.paper.figure_kinds import Scatter
from seatbelt_vae.report.drawing import style
from seatbelt_vae.report.drawing.axis import Axis, span_of
from seatbelt_vae.report.drawing.layout import panel_grid
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
    y = [v for model in models for v in (model.y.value, model.y.low, model.y.high) if v is not None]
    shown = [value for value in y if value > 0] if figure.logarithmic else y
    return (
        span_of([model.x for model in models], [], logarithmic=False),
        span_of(shown or [1.0], [], logarithmic=figure.logarithmic),
    )


def _sheet(
    figure: Scatter,
    models: Sequence[_Model],
    spans: Mapping[str, tuple[Axis, Axis]],
    look: Mapping[str, Look],
    colours: Mapping[float, str],
) -> Sheet:
    handles = _legend(look, colours)
    canvas, grid = panel_grid(len(spans), _HEIGHT, figure.label, handles)
    for axes, (panel, (x, y)) in zip(grid, spans.items(), strict=True):
        style.tidy(axes, panel)
        y.apply(axes, "y")
        x.apply(axes, "x")
        style.name_axes(axes, figure.x_label)
        for model in models:
            if model.panel == panel:
                _draw(axes, model, look[model.series], colours[model.beta])
    return Sheet(canvas, _caption(models))


def _draw(axes: Axes, model: _Model, look: Look, colour: str) -> None:
    low, high = model.y.low, model.y.high
    if low is not None and high is not None:
        axes.vlines(model.x, low, high, color=colour, linewidth=0.9, alpha=0.55)
    y = float("nan") if model.y.value is None else model.y.value
    mark = style.mark(Look(colour, look.marker))
    axes.plot([model.x], [y], gid=f"{model.series}, β = {model.beta:g}", **mark)


def _legend(look: Mapping[str, Look], colours: Mapping[float, str]) -> list[Line2D]:
    entries = {name: Look(MUTED, series.marker) for name, series in look.items()}
    entries |= {f"β = {beta:g}": Look(colour, "o") for beta, colour in colours.items()}
    return [style.entry(label, **style.mark(entry)) for label, entry in entries.items()]


def _caption(models: Sequence[_Model]) -> str:
    pairs = describe_range((model.y.pairs for model in models), "pair")
    caption = f"One point per model: {count_noun(len(models), 'model')}, means over {pairs}."
    bars = any(model.y.low is not None for model in models)
    return caption + (" Bars: 95 % intervals over the pairs of one model." if bars else "")
