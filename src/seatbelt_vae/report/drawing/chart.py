"""One chart of a page: lines, bands, points with tooltips, and point labels."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from markupsafe import Markup

from seatbelt_vae.evaluation.bootstrap import Estimate
from seatbelt_vae.report.drawing import style
from seatbelt_vae.report.drawing.axis import Axis
from seatbelt_vae.report.drawing.style import INK, MUTED, PAPER, Look
from seatbelt_vae.report.drawing.svg import inlined, svg
from seatbelt_vae.report.labels import place_labels

__all__ = ["Chart", "Points"]

Points = Sequence[tuple[float, float]]

_INCH = 108.0  # pixels; the smallest text is then 12 pixels high
_RIGHT, _TOP, _BOTTOM = 14, 12, 44  # margins, pixels

_LINES: dict[str, dict[str, Any]] = {
    "line": {"linewidth": 1.47},
    "thin": {"linewidth": 0.67, "alpha": 0.45},
    "blend": {"linewidth": 0.93, "dashes": (4, 3), "alpha": 0.75},
    "blend-mark": {"linewidth": 1.07, "dashes": (2.5, 2)},
    "identity": {"linewidth": 0.93},
    "interval": {"linewidth": 4.62, "alpha": 0.4, "solid_capstyle": "round"},
    "whisker": {"linewidth": 1.2, "alpha": 0.55, "solid_capstyle": "round"},
    "rail": {"linewidth": 2, "alpha": 0.3, "solid_capstyle": "round"},
    "front": {"linewidth": 1.07},
    "front flagged": {"linewidth": 1.07, "dashes": (1, 2.5)},
}
_AREAS = {"band": 0.16, "ridge": 0.22, "dominated": 0.06}
_DOTS: dict[str, dict[str, Any]] = {
    "faint": {"alpha": 0.38, "markeredgewidth": 0},
    "solid": {"markeredgewidth": 0},
    "ringed": {"markeredgecolor": PAPER, "markeredgewidth": 0.9},
    "hollow": {"markerfacecolor": PAPER, "markeredgewidth": 1.5},
}


class Chart:
    """A chart; parts are drawn in the order they are added.

    Each part has a kind, a key of the tables above, and the index of its model. The index selects
    colour and marker; a part without an index is grey.

    Args:
        name: a name unique on the page.
        title: accessible name.
        x, y: the axes.
        size: width and height, pixels.
        left: left margin for the y axis, pixels.
    """

    def __init__(
        self,
        name: str,
        title: str,
        x: Axis,
        y: Axis,
        *,
        size: tuple[int, int] = (420, 300),
        left: int = 52,
    ) -> None:
        self.name, self.title, self.x, self.y = name, title, x, y
        self.titles: dict[str, list[str]] = {}
        self._width, self._height = size
        self._frame = (left, _TOP, self._width - _RIGHT, self._height - _BOTTOM)
        self.figure = style.canvas(*(s / _INCH for s in size), fixed=True, back="none")
        width, height = self._width - left - _RIGHT, self._height - _TOP - _BOTTOM
        box = (left / size[0], _BOTTOM / size[1], width / size[0], height / size[1])
        self.axes = self.figure.add_axes(box)
        style.tidy(self.axes)
        x.apply(self.axes, "x", 6)
        y.apply(self.axes, "y", 6)
        self.axes.xaxis.set_label_coords(0.5, -(_BOTTOM - 18) / height)
        self.axes.yaxis.set_label_coords((14 - left) / width, 0.5)
        self.axes.spines["left"].set_visible(False)
        self.axes.tick_params(axis="y", length=0, pad=5)

    def line(
        self, points: Points, kind: str, index: int | None = None, title: str = "", **more: Any
    ) -> None:
        """A line through points."""
        x, y = _columns(points)
        gid = self._part(kind, index, [title] if title else [])
        self.axes.plot(x, y, color=_look(index).colour, gid=gid, zorder=2, **_LINES[kind], **more)

    def band(self, lower: Points, upper: Points, kind: str, index: int | None = None) -> None:
        """The area between two lines."""
        x, y = _columns([*upper, *reversed(lower)])
        colour = INK if index is None else _look(index).colour
        gid = self._part(kind, index, [])
        self.axes.fill(x, y, color=colour, alpha=_AREAS[kind], linewidth=0, gid=gid, zorder=2)

    def dots(
        self, points: Points, kind: str, index: int, titles: Sequence[str] = (), size: float = 4
    ) -> None:
        """One marker with a tooltip per point inside the axes.

        Args:
            points: positions.
            kind: ``faint``, ``solid``, ``ringed`` or ``hollow``.
            index: index of the model.
            titles: one tooltip per point, or none.
            size: half the marker width, pixels.
        """
        inside = [k for k, (x, y) in enumerate(points) if self._shown(x, y)]
        gid = self._part(kind, index, [titles[k] for k in inside] if titles else [])
        x, y = _columns([points[k] for k in inside])
        mark = style.mark(_look(index), 1.33 * size) | _DOTS[kind]
        self.axes.plot(x, y, gid=gid, zorder=2, clip_on=False, **mark)

    def means(
        self,
        curve: Mapping[float, Estimate],
        index: int,
        name: str,
        start: tuple[float, float] | None = None,
        markers: int = 1,
    ) -> None:
        """A line of means with an interval band and markers.

        Args:
            curve: the estimate at each position.
            index: index of the model.
            name: name of the model.
            start: first point of the line, without an estimate.
            markers: number of positions per marker.
        """
        known = [(x, f.low, f.high) for x, f in curve.items() if f.low is not None]
        first = [start] if start else []
        if known:
            lower = [(x, low) for x, low, _ in known]
            upper = [(x, high) for x, _, high in known if high is not None]
            self.band([*first, *lower], [*first, *upper], "band", index)
        points = [(x, found.value) for x, found in curve.items() if found.value is not None]
        self.line([*first, *points], "line", index, name)
        titles = [f"{name}: {y:.3g} at {x:.3g}" for x, y in points]
        self.dots(points[::markers], "solid", index, titles[::markers])

    def names(self, points: Points, texts: Sequence[str], lines: Sequence[Points]) -> None:
        """Label points where the labels cover no points, lines or other labels.

        Args:
            points: positions, in order of importance.
            texts: one per point.
            lines: polylines that labels must not cover.
        """
        segments = [
            (*self._place(*a), *self._place(*b)) for line in lines for a, b in pairwise(line)
        ]
        taken = [
            (min(ax, bx) - 2, min(ay, by) - 2, max(ax, bx) + 2, max(ay, by) + 2)
            for ax, ay, bx, by in segments
        ]
        for label in place_labels([self._place(*p) for p in points], texts, self._frame, taken):
            self.figure.text(
                label.x / self._width,
                1 - label.y / self._height,
                style.verbatim(label.text),
                ha={"start": "left", "middle": "center", "end": "right"}[label.anchor],
                fontsize=8,
                color=INK,
                gid=self._part("name", None, []),
            )

    def render(self) -> Markup:
        """The chart as an ``<svg>`` element."""
        return inlined(svg(self.figure, self.name), self.title, self.titles)

    def _part(self, kind: str, index: int | None, titles: Sequence[str]) -> str:
        """Register the tooltips of a part; returns its id."""
        model = "" if index is None else f" m{index % len(style.SERIES)}"
        name = f"{len(self.titles)} {kind}{model}"
        self.titles[name] = list(titles)
        return name

    def _shown(self, x: float, y: float) -> bool:
        return not self.x.beyond(x) and not self.y.beyond(y)

    def _place(self, x: float, y: float) -> tuple[float, float]:
        """Data coordinates to pixels from the top left."""
        px, py = self.axes.transData.transform((x, y)) * (_INCH / self.figure.dpi)
        return float(px), self._height - float(py)


def _look(index: int | None) -> Look:
    return Look(MUTED, "") if index is None else style.look(index)


def _columns(points: Points) -> tuple[list[float], list[float]]:
    columns = np.array(points, dtype=np.float64).reshape(-1, 2).T.tolist()
    return columns[0], columns[1]
