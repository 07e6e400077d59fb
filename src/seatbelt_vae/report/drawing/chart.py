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
from seatbelt_vae.report.drawing.axis import Axis
from seatbelt_vae.report.drawing.marks import AREAS, GREY, dot_style, line_style
from seatbelt_vae.report.drawing.style import INK, SERIES, THEME, Look

__all__ = ["Chart", "Points", "known_means"]

Points = Sequence[tuple[float, float]]
Vector = NDArray[np.float64]


class Chart:
    """Axes with marks, drawn in the order they are added.

    Each mark has a kind, a key of the tables in `marks`, and a look. Its part names it in the SVG:
    by default the kind and, in the colour of a model, the CSS variable of that colour.

    Args:
        axes: the axes to draw on.
        x, y: range, ticks and label of the axes.
        title: text above the chart.
        grid: the axis whose ticks have grid lines.

    Attributes:
        titles: the tooltips of each mark by the id of its artist, ``"<axes>.<number> <part>"``.
    """

    def __init__(
        self, axes: Axes, x: Axis, y: Axis, title: str = "", grid: Literal["x", "y"] = "y"
    ) -> None:
        self.axes, self.x, self.y = axes, x, y
        self.titles: dict[str, Sequence[str]] = {}
        figure = axes.get_figure()
        self._number = figure.axes.index(axes) if figure else 0
        style.tidy(axes, title, grid)
        x.apply(axes, "x")
        y.apply(axes, "y")

    def line(
        self, points: Points, kind: str, look: Look = GREY, title: str = "", part: str = ""
    ) -> None:
        """A line through points."""
        (artist,) = self.axes.plot(*_columns(points), zorder=2, **line_style(kind, look))
        self._register(artist, part or _part(kind, look), [title] if title else [])

    def band(self, lower: Points, upper: Points, kind: str, look: Look = GREY) -> None:
        """The area between two lines."""
        x, y = _columns([*upper, *reversed(lower)])
        colours: dict[str, Any] = {"color": look.colour, "alpha": AREAS[kind], "linewidth": 0}
        (artist,) = self.axes.fill(x, y, zorder=2, **colours)
        self._register(artist, _part(kind, look))

    def dots(
        self,
        points: Points,
        kind: str,
        look: Look = GREY,
        titles: Sequence[str] = (),
        size: float = 4,
        part: str = "",
    ) -> None:
        """One marker with a tooltip per point inside the axes.

        Args:
            points: positions.
            kind: ``faint``, ``solid``, ``ringed``, ``hollow`` or ``stroke``.
            look: colour and marker.
            titles: one tooltip per point, or none.
            size: half the marker width, pixels.
            part: name in the SVG.
        """
        inside = [
            k for k, (x, y) in enumerate(points) if not self.x.beyond(x) and not self.y.beyond(y)
        ]
        x, y = _columns([points[k] for k in inside])
        mark = dot_style(kind, look, size)
        (artist,) = self.axes.plot(x, y, zorder=2, clip_on=False, **mark)
        shown = [titles[k] for k in inside] if titles else []
        self._register(artist, part or _part(kind, look), shown)

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
        known = [(x, f.low, f.high) for x, f in curve.items() if f.low is not None]
        first = [start] if start else []
        if known:
            lower = [(x, low) for x, low, _ in known]
            upper = [(x, high) for x, _, high in known if high is not None]
            self.band([*first, *lower], [*first, *upper], "band", look)
        points = known_means(curve)
        self.line([*first, *points], "line", look, name)
        titles = [f"{name}: {y:.3g} at {x:.3g}" for x, y in points]
        self.dots(points[::markers], "solid", look, titles[::markers])

    def crossed_means(self, curve: Mapping[float, CrossedEstimate], look: Look, name: str) -> None:
        """A line of means with interval bars; dashed and hollow where trainings are few.

        Args:
            curve: the estimate at each position.
            look: colour and marker.
            name: part of the markers; also ``"<name> (few)"``, ``"line, <name>"`` and, of each bar,
                ``"interval, <name>"``.
        """
        points = known_means(curve)
        few = {x for x, found in curve.items() if found.of_these_models_only}
        for ends in pairwise(points):
            kind = "line" if few.isdisjoint(x for x, _ in ends) else "few"
            self.line(ends, kind, look, part=f"line, {name}")
        for x, found in curve.items():
            kind = "whisker" if x in few else "bar"
            self.interval(found, kind, look, x=x, part=f"interval, {name}")
        for kind, part in (("solid", name), ("hollow", f"{name} (few)")):
            chosen = [point for point in points if (point[0] in few) is (kind == "hollow")]
            self.dots(chosen, kind, look, size=5, part=part)

    def interval(
        self,
        found: Estimate | CrossedEstimate,
        kind: str,
        look: Look,
        *,
        x: float | None = None,
        y: float | None = None,
        part: str = "",
    ) -> Points:
        """The interval of an estimate, if known, as a line at x or at y; returns its ends."""
        if found.low is None or found.high is None:
            return []
        low, high = found.low, found.high
        ends = [(x, low), (x, high)] if x is not None else [(low, y or 0.0), (high, y or 0.0)]
        self.line(ends, kind, look, part=part)
        return ends

    def ridge(
        self,
        grid: Vector,
        heights: Vector,
        look: Look,
        base: float = 0.0,
        *,
        filled: bool = True,
        title: str = "",
        part: str = "",
    ) -> None:
        """A density above its base: a line, and the area below it if it is filled."""
        curve = list(zip(grid.tolist(), (base + heights).tolist(), strict=True))
        if filled:
            self.band([(x, base) for x, _ in curve], curve, "ridge", look)
        self.line(curve, "line", look, title, part)

    def cloud(self, points: Vector, colours: Vector, part: str) -> None:
        """Small dots (N, 2), each in its colour (N, 4), in a frame with equal scales.

        They are pixels in the SVG, since thousands of vector dots would take megabytes.
        """
        x, y = points.T
        artist = self.axes.scatter(x, y, s=4, c=colours, linewidths=0, rasterized=True)
        self.axes.set_aspect("equal")
        style.frame(self.axes)
        self._register(artist, part)

    def write(self, x: float, y: float, words: str, **more: Any) -> None:
        """Text that starts at a point, which may be outside the axes."""
        font: dict[str, Any] = {"fontsize": 8, "color": INK, "va": "center"} | more
        self._register(self.axes.text(x, y, style.verbatim(words), **font), "text")

    def _register(self, artist: Artist, part: str, titles: Sequence[str] = ()) -> None:
        """Name the artist of a mark and keep its tooltips."""
        name = f"{self._number}.{len(self.titles)} {part}"
        artist.set_gid(name)
        self.titles[name] = titles


def _part(kind: str, look: Look) -> str:
    return f"{kind} {THEME[look.colour]}" if look.colour in SERIES else kind


def known_means(curve: Mapping[float, Estimate | CrossedEstimate]) -> list[tuple[float, float]]:
    """The positions and means of a curve, where there is a mean."""
    return [(x, found.value) for x, found in curve.items() if found.value is not None]


def _columns(points: Points) -> Vector:
    return np.array(points, dtype=np.float64).reshape(-1, 2).T
