"""Densities of a measure of single images: one column per series, one curve per β."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from seatbelt_vae.paper.drawing.captions import describe_range
from seatbelt_vae.paper.drawing.looks import looks, ramp
from seatbelt_vae.paper.drawing.sheet import Rows, Sheet
from seatbelt_vae.paper.figure_kinds import Densities
from seatbelt_vae.report.drawing.axis import Axis
from seatbelt_vae.report.drawing.chart import Chart
from seatbelt_vae.report.drawing.density import density
from seatbelt_vae.report.drawing.marks import add_legend, entry
from seatbelt_vae.report.drawing.style import Look, canvas

__all__ = ["draw_densities"]

Vector = NDArray[np.float64]
Samples = Mapping[float, Vector]
"""The values of each β."""

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
    look = {by: Look(colour, "o") for by, colour in ramp(by for _, _, by in samples).items()}
    sheet = canvas(_WIDTH, _HEIGHT * len(places) + 0.9)
    grid = sheet.subplots(len(places), len(series), squeeze=False)
    for place, line in zip(places, grid, strict=True):
        low, high = _ends([sample for (where, _, _), sample in samples.items() if where == place])
        for name, axes in zip(series, line, strict=True):
            in_panel = {
                by: sample
                for (where, model, by), sample in samples.items()
                if (where, model) == (place, name)
            }
            title = ", ".join(filter(None, (name, place[1] or place[0])))
            x = Axis(figure.label if place == places[-1] else "", low, high)
            _draw(axes, x, title, in_panel, look)
    add_legend(sheet, [entry(f"β = {by:g}", own, "line") for by, own in look.items()])
    return Sheet(sheet, _caption(rows))


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


def _draw(axes: Axes, x: Axis, title: str, samples: Samples, look: Mapping[float, Look]) -> None:
    grid = np.linspace(x.low, x.high, _POINTS)
    curves = {
        by: density(sample, grid)
        for by, sample in samples.items()
        if len(sample) > 1 and np.ptp(sample) > 0  # a constant sample has no density
    }
    high = 1.05 * max((float(curve.max()) for curve in curves.values()), default=1.0)
    chart = Chart(axes, x, Axis("", 0, high, ()), title)
    for by, sample in samples.items():
        title, mean = f"β = {by:g}", float(sample.mean())
        if by in curves:
            curve = list(zip(grid, curves[by], strict=True))
            chart.ridge(curve, look[by], title=title, filled=len(samples) <= _FILLED)
        else:
            chart.line([(mean, 0), (mean, high)], "line", look[by], title)
        chart.dots([(mean, 0)], "stroke", look[by], [f"mean, {title}"], 7)


def _caption(rows: Rows) -> str:
    runs: dict[tuple[str, str, float], set[str]] = {}
    for row in rows:
        runs.setdefault((row["panel"], row["series"], row["by"]), set()).add(row["run"])
    trainings = describe_range((len(names) for names in runs.values()), "training")
    return (
        f"Gaussian kernel densities with Scott's width, over test images of {trainings} per curve. "
        f"Each area is 1, so heights compare within a panel only. Strokes on the axis: means."
    )
