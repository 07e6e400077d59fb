"""A measure against β: means with intervals, references, and the published curve."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.lines import Line2D

from seatbelt_vae.paper.drawing.captions import count_noun, describe_estimates
from seatbelt_vae.paper.drawing.lines import Line, count_failed, lines_of
from seatbelt_vae.paper.drawing.looks import beta_axis, looks
from seatbelt_vae.paper.drawing.sheet import Rows, Sheet
from seatbelt_vae.paper.figure_kinds import Curves
from seatbelt_vae.paper.published import Curve, published_ceiling, published_curves
from seatbelt_vae.report.drawing.axis import Axis, plain, reach, span_of
from seatbelt_vae.report.drawing.chart import Chart
from seatbelt_vae.report.drawing.layout import panel_grid
from seatbelt_vae.report.drawing.marks import GREY, entry
from seatbelt_vae.report.drawing.style import PUBLISHED, Look

__all__ = ["draw_curves"]

_HEIGHT, _ALONE = 1.95, 2.6
_DODGE = 0.022
_REFERENCES = ("reference", "second reference")
_ARROWS = {1: ("↑", "^"), -1: ("↓", "v")}
_CEILING = "ceiling of any minimum (64×64)"


@dataclass(frozen=True)
class _Panel:
    """The panel of a data set, the same for both strengths."""

    name: str
    span: Axis
    betas: tuple[float, ...]
    published: Mapping[str, Curve]
    ceiling: float | None


def draw_curves(figure: Curves, rows: Mapping[str, Rows]) -> dict[str, Sheet]:
    """One sheet per strength, all with the same axes."""
    lines = {strength: lines_of(figure, of_strength) for strength, of_strength in rows.items()}
    everything = [line for of_strength in lines.values() for line in of_strength]
    panels = [
        _panel(figure, name, [line for line in everything if line.panel == name])
        for name in dict.fromkeys(line.panel for line in everything)
    ]
    published = [series for panel in panels for series in panel.published]
    look = looks([*(line.series for line in everything), *published])
    return {
        strength: _sheet(figure, shown, panels, look) if shown else Sheet(None, "")
        for strength, shown in lines.items()
    }


def _panel(figure: Curves, name: str, lines: Sequence[Line]) -> _Panel:
    published = published_curves(figure.published, name)
    ceiling = published_ceiling(figure.published, name)
    theirs = [value for curve in published.values() for value in curve.values()]
    ours = reach(mean for line in lines for mean in line.means.values())
    ours += [v for line in lines for means in line.references for v in means.values()]
    betas = {
        beta for curve in (*published.values(), *(line.means for line in lines)) for beta in curve
    }
    if figure.logarithmic:
        ours, theirs = ([v for v in values if v > 0] for values in (ours, theirs))
    return _Panel(
        name=name,
        span=span_of(ours or [1.0], theirs, logarithmic=figure.logarithmic),
        betas=tuple(sorted(betas)),
        published=published,
        # drawn only where a published value exceeds it
        ceiling=ceiling if ceiling is not None and max(theirs, default=0) > ceiling else None,
    )


def _sheet(
    figure: Curves, lines: Sequence[Line], panels: Sequence[_Panel], look: Mapping[str, Look]
) -> Sheet:
    in_panel = {p.name: [line for line in lines if line.panel == p.name] for p in panels}
    titles = [p.name if in_panel[p.name] else f"{p.name}: no rows" for p in panels]
    axes = {t: (beta_axis(p.betas), p.span) for t, p in zip(titles, panels, strict=True)}
    height = _ALONE if len(panels) == 1 else _HEIGHT
    canvas, charts = panel_grid(axes, height, figure.label, _legend(figure, lines, panels, look))
    for chart, panel in zip(charts, panels, strict=True):
        _draw_published(chart, panel, look)
        _draw_references(chart, figure, in_panel[panel.name], look)
        for line in in_panel[panel.name]:
            dodge = _dodge(line, panel, look)
            chart.crossed_means(line.means, look[line.series], line.series, dodge)
    return Sheet(canvas, _caption(figure, lines, panels))


def _dodge(line: Line, panel: _Panel, look: Mapping[str, Look]) -> float:
    """A small horizontal offset of each series, so that bars do not overlap."""
    place = list(look).index(line.series) - (len(look) - 1) / 2
    return place * _DODGE * (max(panel.betas) - min(panel.betas))


def _draw_references(
    chart: Chart, figure: Curves, lines: Sequence[Line], look: Mapping[str, Look]
) -> None:
    """A reference as one grey line if it is the same everywhere, else as one line per series."""
    for k, (kind, reference) in enumerate(zip(_REFERENCES, figure.references, strict=False)):
        curves = {line.series: line.references[k] for line in lines}
        levels = [value for curve in curves.values() for value in curve.values()]
        if levels and np.allclose(levels, levels[0]):
            ends = [(chart.x.low, levels[0]), (chart.x.high, levels[0])]
            chart.line(ends, kind, title=reference.label)
            continue
        for series, curve in curves.items():
            own = look[series] if len(curves) > 1 else GREY
            chart.line([*curve.items()], kind, own, f"{reference.label}, {series}")


def _draw_published(chart: Chart, panel: _Panel, look: Mapping[str, Look]) -> None:
    """Grey curves; values outside the axis are arrows at its end and written above the panel."""
    outside: dict[int, list[str]] = {1: [], -1: []}
    for series, curve in panel.published.items():
        beyond = {beta: panel.span.beyond(value) for beta, value in sorted(curve.items())}
        shown = [(beta, math.nan if side else curve[beta]) for beta, side in beyond.items()]
        chart.line(shown, "published", Look(PUBLISHED, look[series].marker), f"published, {series}")
        for side, (arrow, marker) in _ARROWS.items():
            if betas := [beta for beta in beyond if beyond[beta] == side]:
                end = panel.span.high if side > 0 else panel.span.low
                at_end = [(beta, end) for beta in betas]
                titles = [f"published, {series}: {plain(curve[beta])}" for beta in betas]
                chart.dots(at_end, "solid", Look(PUBLISHED, marker), titles)
                outside[side].append(f"{arrow} {series} {_range(curve[beta] for beta in betas)}")
    if panel.ceiling is not None:
        ends = [(chart.x.low, panel.ceiling), (chart.x.high, panel.ceiling)]
        chart.line(ends, "ceiling", Look(PUBLISHED, ""), _CEILING)
    words = "\n".join(text for texts in outside.values() for text in texts)
    chart.axes.set_title(words, loc="right", fontsize=7, color=PUBLISHED)


def _range(values: Iterable[float]) -> str:
    low, high = min(values := list(values)), max(values)
    return plain(low) if low == high else f"{plain(low)} to {plain(high)}"


def _legend(
    figure: Curves, lines: Sequence[Line], panels: Sequence[_Panel], look: Mapping[str, Look]
) -> list[Line2D]:
    drawn = {line.series for line in lines}
    entries = [entry(name, look[name], "line", "solid") for name in look if name in drawn]
    if any(mean.of_these_models_only for line in lines for mean in line.means.values()):
        entries.append(entry("fewer than 3 trainings", line="few", dots="hollow"))
    for k, (kind, reference) in enumerate(zip(_REFERENCES, figure.references, strict=False)):
        if any(line.references[k] for line in lines):  # older rows lack newer references
            entries.append(entry(reference.label, line=kind))
    published = dict.fromkeys(series for panel in panels for series in panel.published)
    for series in published:
        label = f"published (64×64), {series}" if len(published) > 1 else "published (64×64)"
        entries.append(entry(label, Look(PUBLISHED, look[series].marker), "published"))
    if any(panel.ceiling is not None for panel in panels):
        entries.append(entry(_CEILING, Look(PUBLISHED, ""), "ceiling"))
    return entries


def _caption(figure: Curves, lines: Sequence[Line], panels: Sequence[_Panel]) -> str:
    means = [mean for line in lines for mean in line.means.values()]
    sentences = [describe_estimates(means, figure.unit)]
    if any(panel.published for panel in panels):
        sentences.append("Grey: published values, read off the authors' plots.")
    if any(panel.ceiling is not None for panel in panels):
        sentences.append(
            "The ceiling is the largest mean of λ·‖xₜ − x‖. No minimum of the stated objective has "
            "a larger mean Δ, so published points above it are not minima."
        )
    if above := count_failed(figure, lines):
        sentences.append(
            f"{count_noun(above, 'mean')} of {len(means)} above the trivial bound: "
            f"attacks that failed, not robust models."
        )
    if figure.logarithmic and any((mean.value or 0) <= 0 for mean in means):
        sentences.append("Means that are not positive are not shown on this axis.")
    return " ".join(sentences)
