"""Marks on axes: lines, intervals, areas, densities, dots and names."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from numpy.typing import NDArray

from seatbelt_vae.evaluation.bootstrap import Estimate
from seatbelt_vae.evaluation.two_way_bootstrap import CrossedEstimate
from seatbelt_vae.report.drawing import style
from seatbelt_vae.report.drawing.axis import Axis, Mean
from seatbelt_vae.report.drawing.marks import AREAS, GREY, dot_style, line_style
from seatbelt_vae.report.drawing.style import INK, SERIES, THEME, Look, printable

__all__ = ["Chart", "Points", "known_means"]

Points = Sequence[tuple[float, float]]
Vector = NDArray[np.float64]


class Chart:
    """Axes with marks, drawn in the order they are added.

    Each mark has a kind, a key of the tables in `marks`, a look, and tooltips. Its part in the SVG
    is its kind and, in the colour of a model, the CSS variable of that colour.

    Args:
        axes: the axes to draw on.
        x, y: range, ticks and label of the axes.
        title: text above the chart.
        grid: the axis whose ticks have grid lines.
    """

    def __init__(
        self, axes: Axes, x: Axis, y: Axis, title: str = "", grid: Literal["x", "y"] = "y"
    ) -> None:
        self.axes, self.x, self.y = axes, x, y
        figure = axes.get_figure()
        self._number, self._marks = figure.axes.index(axes) if figure else 0, 0
        style.tidy(axes, title, grid)
        x.apply(axes, "x")
        y.apply(axes, "y")

    def line(self, points: Points, kind: str, look: Look = GREY, title: str = "") -> None:
        """A line through points."""
        (artist,) = self.axes.plot(*_columns(points), zorder=2, **line_style(kind, look))
        self._register(artist, kind, look, [title])

    def band(self, lower: Points, upper: Points, kind: str, look: Look = GREY) -> None:
        """The area between two lines."""
        x, y = _columns([*upper, *reversed(lower)])
        colours: dict[str, Any] = {"color": look.colour, "alpha": AREAS[kind], "linewidth": 0}
        (artist,) = self.axes.fill(x, y, zorder=2, **colours)
        self._register(artist, kind, look)

    def dots(
        self,
        points: Points,
        kind: str,
        look: Look = GREY,
        titles: Sequence[str] = (),
        size: float = 4,
    ) -> None:
        """One marker with a tooltip per point inside the axes.

        Args:
            points: positions.
            kind: ``faint``, ``solid``, ``ringed``, ``hollow`` or ``stroke``.
            look: colour and marker.
            titles: one tooltip per point, or none.
            size: half the marker width, pixels.
        """
        inside = [
            k for k, (x, y) in enumerate(points) if not self.x.beyond(x) and not self.y.beyond(y)
        ]
        x, y = _columns([points[k] for k in inside])
        mark = dot_style(kind, look, size)
        (artist,) = self.axes.plot(x, y, zorder=2, clip_on=False, **mark)
        self._register(artist, kind, look, [titles[k] for k in inside] if titles else [])

    def means(
        self,
        curve: Mapping[float, Estimate],
        look: Look,
        name: str,
        start: tuple[float, float] | None = None,
        markers: int = 1,
    ) -> None:
        """A line of means with an interval band and markers.

        Args:
            curve: the estimate at each position.
            look: colour and marker.
            name: name of the model.
            start: first point of the line, without an estimate.
            markers: number of positions per marker.
        """
        first = [start] if start else []
        lower = [(x, found.low) for x, found in curve.items() if found.low is not None]
        upper = [(x, found.high) for x, found in curve.items() if found.high is not None]
        if lower:
            self.band([*first, *lower], [*first, *upper], "band", look)
        points = known_means(curve)
        self.line([*first, *points], "line", look, name)
        titles = [f"{name}: {y:.3g} at {x:.3g}" for x, y in points]
        self.dots(points[::markers], "solid", look, titles[::markers])

    def crossed_means(
        self, curve: Mapping[float, CrossedEstimate], look: Look, name: str, dodge: float = 0.0
    ) -> None:
        """A line of means with interval bars; dashed and hollow where trainings are few.

        Args:
            curve: the estimate at each position.
            look: colour and marker.
            name: name of the models.
            dodge: horizontal offset of all marks.
        """
        points = {x: (x + dodge, y) for x, y in known_means(curve)}
        few = {x for x, found in curve.items() if found.of_these_models_only}
        for a, b in pairwise(points):
            kind = "line" if few.isdisjoint((a, b)) else "few"
            self.line([points[a], points[b]], kind, look, name)
        for x, found in curve.items():
            kind, title = "whisker" if x in few else "bar", f"{name}: 95 % interval"
            self.interval(found, kind, look, title, x=x + dodge)
        for kind, chosen in (("solid", points.keys() - few), ("hollow", points.keys() & few)):
            ordered = sorted(chosen)
            titles = [f"{name}: {points[x][1]:.3g} at {x:.3g}" for x in ordered]
            self.dots([points[x] for x in ordered], kind, look, titles, 5)

    def interval(
        self,
        found: Mean,
        kind: str,
        look: Look,
        title: str = "",
        *,
        x: float | None = None,
        y: float = 0.0,
    ) -> Points:
        """The interval of an estimate, if known, as a line at x or at y; returns its ends."""
        if found.low is None or found.high is None:
            return []
        low, high = found.low, found.high
        ends = [(low, y), (high, y)] if x is None else [(x, low), (x, high)]
        self.line(ends, kind, look, title)
        return ends

    def ridge(
        self, curve: Points, look: Look, base: float = 0.0, title: str = "", *, filled: bool = True
    ) -> None:
        """A density above its base: a line, and the area below it if it is filled."""
        if filled:
            self.band([(x, base) for x, _ in curve], curve, "ridge", look)
        self.line(curve, "line", look, title)

    def cloud(self, points: Vector, colours: Vector, title: str) -> None:
        """Small dots (N, 2), each in its colour (N, 4), in a frame with equal scales.

        They are pixels in the SVG, since thousands of vector dots would take megabytes.
        """
        x, y = points.T
        artist = self.axes.scatter(x, y, s=4, c=colours, linewidths=0, rasterized=True)
        self.axes.set_aspect("equal")
        style.frame(self.axes)
        self._register(artist, "cloud", GREY, [title])

    def write(self, x: float, y: float, words: str, **more: Any) -> None:
        """Text that starts at a point, which may be outside the axes."""
        font: dict[str, Any] = {"fontsize": 8, "color": INK, "va": "center"} | more
        self._register(self.axes.text(x, y, style.verbatim(words), **font), "text")

    def _register(
        self, artist: Artist, kind: str, look: Look = GREY, titles: Sequence[str] = ()
    ) -> None:
        """Name the artist of a mark and label it with its tooltips, as `svg` reads them."""
        model = f" {THEME[look.colour]}" if look.colour in SERIES else ""
        artist.set_gid(f"{self._number}.{self._marks} {kind}{model}")
        artist.set_label("\n".join(map(printable, titles)))
        self._marks += 1


def known_means(curve: Mapping[float, Mean]) -> list[tuple[float, float]]:
    """The positions and means of a curve, where there is a mean."""
    return [(x, found.value) for x, found in curve.items() if found.value is not None]


def _columns(points: Points) -> Vector:
    return np.array(points, dtype=np.float64).reshape(-1, 2).T
