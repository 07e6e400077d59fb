"""A measure against β: means with intervals, references, and the published curve."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from seatbelt_vae.paper.drawing.captions import count_noun, describe_estimates
from seatbelt_vae.paper.drawing.lines import Line, Point, count_failed, lines_of
from seatbelt_vae.paper.drawing.looks import beta_axis, looks
from seatbelt_vae.paper.drawing.sheet import Rows, Sheet
from seatbelt_vae.paper.figure_kinds import Curves
from seatbelt_vae.paper.published import Curve, published_ceiling, published_curves
from seatbelt_vae.report.drawing import style
from seatbelt_vae.report.drawing.axis import Axis, plain, span_of
from seatbelt_vae.report.drawing.layout import panel_grid
from seatbelt_vae.report.drawing.style import MUTED, PUBLISHED, Look

__all__ = ["draw_curves"]

_HEIGHT, _ALONE = 1.95, 2.6
_DODGE = 0.014
_DOTS: tuple[dict[str, Any], ...] = (
    {"linewidth": 1.2, "linestyle": (0, (1, 1.6))},
    {"linewidth": 0.9, "linestyle": (0, (6, 2, 1, 2))},
)
_CEILING_DOTS: dict[str, Any] = {"linewidth": 1.0, "linestyle": (0, (1, 3))}
_ARROWS = {1: ("^", 0.985), -1: ("v", 0.015)}
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
    points = [point for line in lines for point in line.points]
    published = published_curves(figure.published, name)
    ceiling = published_ceiling(figure.published, name)
    theirs = [value for curve in published.values() for value in curve.values()]
    ours = [value for point in points for value in _values(point)]
    betas = {point.x for point in points} | {beta for curve in published.values() for beta in curve}
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


def _values(point: Point) -> Iterable[float]:
    yield from (point.value, *(point.interval or ()))
    yield from (value for value in point.references if value is not None)


def _sheet(
    figure: Curves, lines: Sequence[Line], panels: Sequence[_Panel], look: Mapping[str, Look]
) -> Sheet:
    handles = _legend(figure, lines, panels, look)
    height = _ALONE if len(panels) == 1 else _HEIGHT
    canvas, grid = panel_grid(len(panels), height, figure.label, handles)
    for axes, panel in zip(grid, panels, strict=True):
        style.tidy(axes, panel.name)
        beta_axis(axes, panel.betas)
        panel.span.apply(axes, "y")
        _draw_published(axes, panel, look)
        in_panel = [line for line in lines if line.panel == panel.name]
        _draw_references(axes, figure, in_panel, look)
        for line in in_panel:
            _draw_line(axes, line, look[line.series], _dodge(line, panel, look))
        if not in_panel:
            middle = (0.5, 0.5)
            axes.text(*middle, "no rows", transform=axes.transAxes, color=MUTED, ha="center")
    return Sheet(canvas, _caption(figure, lines, panels))


def _dodge(line: Line, panel: _Panel, look: Mapping[str, Look]) -> float:
    """A small horizontal offset of each series, so that bars do not overlap."""
    place = list(look).index(line.series) - (len(look) - 1) / 2
    return place * _DODGE * (max(panel.betas) - min(panel.betas))


def _draw_line(axes: Axes, line: Line, look: Look, dodge: float) -> None:
    """Points joined by lines, solid if both ends are over three trainings or more."""
    x = [point.x + dodge for point in line.points]
    y = [point.value for point in line.points]
    for k in range(len(x) - 1):
        solid = not any(point.few for point in line.points[k : k + 2])
        axes.plot(
            x[k : k + 2],
            y[k : k + 2],
            color=look.colour,
            linewidth=1.7 if solid else 1.2,
            linestyle="-" if solid else (0, (4, 2.2)),
        )
    for place, point in zip(x, line.points, strict=True):
        if point.interval is not None:
            width = 1.1 if point.few else 2.0
            axes.vlines(place, *point.interval, color=look.colour, linewidth=width, alpha=0.75)
    for few in (False, True):
        chosen = [k for k, point in enumerate(line.points) if point.few is few]
        axes.plot(
            [x[k] for k in chosen],
            [y[k] for k in chosen],
            **style.mark(look, hollow=few),
            gid=f"{line.series}{' (few)' if few else ''}",
        )


def _draw_references(
    axes: Axes, figure: Curves, lines: Sequence[Line], look: Mapping[str, Look]
) -> None:
    """One thin line per series, or one grey line if all are equal."""
    for k in range(len(figure.references)):
        curves = {
            line.series: [
                (p.x, level) for p in line.points if (level := p.references[k]) is not None
            ]
            for line in lines
        }
        levels = [value for curve in curves.values() for _, value in curve]
        if not levels:  # only the other strength has rows
            continue
        if np.allclose(levels, levels[:1]):
            axes.axhline(levels[0], color=MUTED, **_DOTS[k], gid=f"reference {k}")
            continue
        for series, curve in curves.items():
            colour = look[series].colour if len(curves) > 1 else MUTED
            x, y = ([point[side] for point in curve] for side in (0, 1))
            axes.plot(x, y, color=colour, **_DOTS[k], gid=f"reference {k}, {series}")


def _draw_published(axes: Axes, panel: _Panel, look: Mapping[str, Look]) -> None:
    """Grey curves; values outside the axis are arrows at its end and written above the panel."""
    outside: dict[int, list[str]] = {1: [], -1: []}
    for series, curve in panel.published.items():
        x = sorted(curve)
        shown = [math.nan if panel.span.beyond(curve[beta]) else curve[beta] for beta in x]
        mark: dict[str, Any] = {"marker": look[series].marker, "markersize": 4.5}
        axes.plot(x, shown, linewidth=1.1, color=PUBLISHED, **mark, gid=f"published {series}")
        for side, (marker, end) in _ARROWS.items():
            beyond = [beta for beta in x if panel.span.beyond(curve[beta]) == side]
            if beyond:
                arrows: dict[str, Any] = {"marker": marker, "markersize": 4, "color": PUBLISHED}
                axes.plot(
                    beyond,
                    [end] * len(beyond),
                    linestyle="none",
                    transform=axes.get_xaxis_transform(),
                    clip_on=False,
                    gid=f"beyond {series}",
                    **arrows,
                )
                outside[side].append(f"{series} {_range(curve[beta] for beta in beyond)}")
    if panel.ceiling is not None:
        axes.axhline(panel.ceiling, color=PUBLISHED, **_CEILING_DOTS, gid="ceiling")
    words = [
        f"{'↑' if side > 0 else '↓'} {text}" for side, texts in outside.items() for text in texts
    ]
    if words:
        axes.set_title("\n".join(words), loc="right", fontsize=6.5, color=PUBLISHED)


def _range(values: Iterable[float]) -> str:
    low, high = min(values := list(values)), max(values)
    return plain(low) if low == high else f"{plain(low)} to {plain(high)}"


def _legend(
    figure: Curves, lines: Sequence[Line], panels: Sequence[_Panel], look: Mapping[str, Look]
) -> list[Line2D]:
    drawn = {line.series for line in lines}
    entries = {
        name: style.entry(name, **style.mark(one) | {"linewidth": 1.7, "linestyle": "-"})
        for name, one in look.items()
        if name in drawn
    }
    if any(point.few for line in lines for point in line.points):
        hollow = style.mark(Look(MUTED, "o"), hollow=True) | {"linewidth": 1.2, "linestyle": "--"}
        label = "fewer than 3 trainings"
        entries[label] = style.entry(label, **hollow)
    for k, reference in enumerate(figure.references):
        entries[reference.label] = style.entry(reference.label, color=MUTED, **_DOTS[k])
    published = dict.fromkeys(series for panel in panels for series in panel.published)
    for series in published:
        label = f"published (64×64), {series}" if len(published) > 1 else "published (64×64)"
        entries[label] = style.entry(
            label, color=PUBLISHED, linewidth=1.1, marker=look[series].marker
        )
    if any(panel.ceiling is not None for panel in panels):
        entries[_CEILING] = style.entry(_CEILING, color=PUBLISHED, **_CEILING_DOTS)
    return list(entries.values())


def _caption(figure: Curves, lines: Sequence[Line], panels: Sequence[_Panel]) -> str:
    points = [point for line in lines for point in line.points]
    sentences = [describe_estimates([point.estimate for point in points], figure.unit)]
    if any(panel.published for panel in panels):
        sentences.append("Grey: published values, read off the authors' plots.")
    if any(panel.ceiling is not None for panel in panels):
        sentences.append(
            "The ceiling is the largest mean of λ·‖xₜ − x‖. No minimum of the stated objective has "
            "a larger mean Δ, so published points above it are not minima."
        )
    if above := count_failed(figure, lines):
        sentences.append(
            f"{count_noun(above, 'mean')} of {len(points)} above the trivial bound: "
            f"attacks that failed, not robust models."
        )
    if figure.logarithmic and any(point.value <= 0 for point in points):
        sentences.append("Means that are not positive are not shown on this axis.")
    return " ".join(sentences)
