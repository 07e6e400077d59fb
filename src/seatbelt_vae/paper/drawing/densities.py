"""Densities of a measure of single images: one column per series, one curve per β."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from seatbelt_vae.paper.drawing.captions import describe_range
from seatbelt_vae.paper.drawing.looks import looks, ramp
from seatbelt_vae.paper.drawing.sheet import Rows, Sheet
from seatbelt_vae.paper.figure_kinds import Densities
from seatbelt_vae.report.drawing import style
from seatbelt_vae.report.drawing.axis import Axis
from seatbelt_vae.report.drawing.density import density

__all__ = ["draw_densities"]

Vector = NDArray[np.float64]
Place = tuple[str, str]
"""A row of panels: the data set, and the value of `Densities.panel`."""

_WIDTH, _HEIGHT = 8.4, 1.75
_ENDS = (0.005, 0.995)
_POINTS = 121
_FILLED = 3
"""The largest number of curves in a panel with filled areas."""


def draw_densities(figure: Densities, rows: Rows) -> Sheet:
    """A grid of panels; the panels of a row share the x axis."""
    samples = _samples(rows)
    if not samples:
        return Sheet(None, "")
    places = list(dict.fromkeys(place for place, _, _ in samples))
    series = list(looks(name for _, name, _ in samples))
    colours = ramp(by for _, _, by in samples)
    canvas = style.canvas(_WIDTH, _HEIGHT * len(places) + 0.9)
    grid = canvas.subplots(len(places), len(series), squeeze=False)
    for place, line in zip(places, grid, strict=True):
        low, high = _ends([sample for (where, _, _), sample in samples.items() if where == place])
        for name, axes in zip(series, line, strict=True):
            in_panel = {
                by: sample
                for (where, model, by), sample in samples.items()
                if (where, model) == (place, name)
            }
            style.tidy(axes, ", ".join(filter(None, (name, place[1] or place[0]))))
            _draw(axes, in_panel, np.linspace(low, high, _POINTS), colours)
    for axes in grid[-1]:
        style.name_axes(axes, figure.label)
    entries = [style.entry(f"β = {by:g}", color=colours[by], linewidth=2) for by in colours]
    style.add_legend(canvas, entries, len(entries))
    return Sheet(canvas, _caption(rows))


def _samples(rows: Rows) -> dict[tuple[Place, str, float], Vector]:
    """The values of each curve, over all trainings."""
    samples: dict[tuple[Place, str, float], list[float]] = {}
    for row in rows:
        if row["value"] is not None:
            key = ((row["panel"], row["row"]), row["series"], float(row["by"]))
            samples.setdefault(key, []).append(float(row["value"]))
    return {key: np.array(values) for key, values in sorted(samples.items())}


def _ends(samples: Sequence[Vector]) -> tuple[float, float]:
    """The range of all samples, without half a percent at either end of each."""
    low = min(float(np.quantile(sample, _ENDS[0])) for sample in samples)
    high = max(float(np.quantile(sample, _ENDS[1])) for sample in samples)
    room = 0.05 * (high - low) or 0.5
    return low - room, high + room


def _draw(
    axes: Axes, samples: Mapping[float, Vector], grid: Vector, colours: Mapping[float, str]
) -> None:
    for by, sample in samples.items():
        mean = float(sample.mean())
        if len(sample) > 1 and np.ptp(sample) > 0:
            curve = density(sample, grid)
            if len(samples) <= _FILLED:
                axes.fill_between(grid, curve, color=colours[by], alpha=0.12, linewidth=0)
            axes.plot(grid, curve, color=colours[by], linewidth=1.6, gid=f"β = {by:g}")
        else:  # a constant sample has no density
            axes.axvline(mean, color=colours[by], linewidth=1.6, gid=f"β = {by:g}")
        stroke: dict[str, Any] = {"marker": "|", "markersize": 9, "markeredgewidth": 2}
        gid = f"mean, β = {by:g}"
        axes.plot([mean], [0], color=colours[by], clip_on=False, zorder=5, gid=gid, **stroke)
    Axis("", grid[0], grid[-1]).apply(axes, "x")
    axes.set_ylim(bottom=0)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)


def _caption(rows: Rows) -> str:
    runs: dict[tuple[str, str, float], set[str]] = {}
    for row in rows:
        runs.setdefault((row["panel"], row["series"], row["by"]), set()).add(row["run"])
    trainings = describe_range((len(names) for names in runs.values()), "training")
    return (
        f"Gaussian kernel densities with Scott's width, over test images of {trainings} per curve. "
        f"Each area is 1, so heights compare within a panel only. Strokes on the axis: means."
    )
