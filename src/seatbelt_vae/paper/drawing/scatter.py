"""One measure of a model against another: one point per model, shaped by series, coloured by β."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from seatbelt_vae.evaluation.two_way_bootstrap import CrossedEstimate
from seatbelt_vae.paper.drawing.drawn import Rows, Sheet
from seatbelt_vae.paper.drawing.looks import looks, ramp
from seatbelt_vae.paper.drawing.words import counted, spread
from seatbelt_vae.paper.figures import Scatter
from seatbelt_vae.paper.run_matrix import Cell
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
    """One sheet per protocol, all with the same axes."""
    models = {protocol: _models(found) for protocol, found in rows.items()}
    everything = [model for found in models.values() for model in found]
    look = looks(model.series for model in everything)
    colours = ramp(model.beta for model in everything)
    spans = {
        panel: _spans(figure, [model for model in everything if model.panel == panel])
        for panel in dict.fromkeys(model.panel for model in everything)
    }
    return {
        protocol: _sheet(figure, found, spans, look, colours) if found else Sheet(None, "")
        for protocol, found in models.items()
    }


def _models(rows: Rows) -> list[_Model]:
    """The runs with both measures, each the mean over its pairs."""
    found: dict[tuple[str, str, float, str], list[tuple[float, float]]] = {}
    for row in rows:
        if row["x"] is not None and row["y"] is not None:
            key = (row["panel"], row["series"], float(row["beta"]), row["run"])
            found.setdefault(key, []).append((float(row["x"]), float(row["y"])))
    models = []
    for (panel, series, beta, run), pairs in found.items():
        x, y = np.array(pairs).T
        cell = Cell((run,), tuple(range(len(y))), y[None], ("",))
        models.append(_Model(panel, series, beta, float(x.mean()), cell.estimate()))
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
    canvas, grid = panel_grid(len(spans), _HEIGHT, figure.labels[1], handles)
    for axes, (panel, (x, y)) in zip(grid, spans.items(), strict=True):
        style.tidy(axes, panel)
        y.apply(axes, "y")
        x.apply(axes, "x")
        style.name_axes(axes, figure.labels[0])
        for model in models:
            if model.panel == panel:
                _draw(axes, model, look[model.series], colours[model.beta])
    panels = tuple(dict.fromkeys(model.panel for model in models))
    return Sheet(canvas, _caption(models), panels)


def _draw(axes: Axes, model: _Model, look: Look, colour: str) -> None:
    low, high = model.y.low, model.y.high
    if low is not None and high is not None:
        axes.vlines(model.x, low, high, color=colour, linewidth=0.9, alpha=0.55)
    y = float("nan") if model.y.value is None else model.y.value
    own = style.mark(Look(colour, look.marker))
    axes.plot([model.x], [y], gid=f"{model.series}, β = {model.beta:g}", **own)


def _legend(look: Mapping[str, Look], colours: Mapping[float, str]) -> list[Line2D]:
    found = {name: Look(MUTED, one.marker) for name, one in look.items()}
    found |= {f"β = {beta:g}": Look(colour, "o") for beta, colour in colours.items()}
    return [style.entry(label, **style.mark(one)) for label, one in found.items()]


def _caption(models: Sequence[_Model]) -> str:
    bars = any(model.y.low is not None for model in models)
    said = f"One point per model: {counted(len(models), 'model')}, means over "
    said += spread((model.y.pairs for model in models), "pair")
    return f"{said}. {'Bars: 95 % intervals over pairs of that one model.' if bars else ''}".strip()
