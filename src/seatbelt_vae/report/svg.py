"""A small plot as inline SVG: its colours are CSS classes, so that it follows the page's theme."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np
from markupsafe import Markup, escape
from numpy.typing import NDArray

from seatbelt_vae.report.labels import place_labels

__all__ = ["MARKERS", "Axis", "Plot", "nice_ticks", "power_ticks"]

Points = Sequence[tuple[float, float]]

MARKERS = ("circle", "square", "triangle", "diamond")
"""The shape of a model's points, so that colour is never the only sign."""

_POLYGONS: dict[str, tuple[float, Points]] = {
    "square": (0.9, [(-1, -1), (1, -1), (1, 1), (-1, 1)]),
    "triangle": (1.15, [(0, -1), (1, 0.8), (-1, 0.8)]),
    "diamond": (1.3, [(0, -1), (1, 0), (0, 1), (-1, 0)]),
}
_WIDTH, _HEIGHT = 420, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 14, 12, 44


@dataclass(frozen=True)
class Axis:
    """One axis: its range, its ticks with their texts, and what it measures.

    Args:
        label: quantity and unit.
        low, high: the range shown.
        ticks: positions and texts.
        logarithmic: whether positions are drawn by their logarithm.
    """

    label: str
    low: float
    high: float
    ticks: list[tuple[float, str]]
    logarithmic: bool = False

    def share(self, value: float) -> float:
        """Where a value lies between low (0) and high (1)."""
        low, high = (math.log(v) if self.logarithmic else v for v in (self.low, self.high))
        return ((math.log(value) if self.logarithmic else value) - low) / (high - low)


def nice_ticks(low: float, high: float, count: int = 5) -> list[tuple[float, str]]:
    """About ``count`` round positions between low and high.

    Example:
        >>> nice_ticks(0.0, 1.0)
        [(0.0, '0'), (0.2, '0.2'), (0.4, '0.4'), (0.6, '0.6'), (0.8, '0.8'), (1.0, '1')]
    """
    rough = (high - low) / count
    power = 10 ** math.floor(math.log10(rough))
    step = next(s * power for s in (1, 2, 2.5, 5, 10) if s * power >= rough * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    positions = [round(k * step, 12) + 0.0 for k in range(first, last + 1)]
    return [(p, f"{p:,.6g}".replace("-", "−").replace(",", " ")) for p in positions]


def power_ticks(low: float, high: float, base: int = 2, every: int = 1) -> list[tuple[float, str]]:
    """Powers of ``base`` between low and high.

    Example:
        >>> power_ticks(0.5, 4.0, every=2)
        [(1.0, '1'), (4.0, '4')]
    """
    first, last = (math.log(v, base) for v in (low, high))
    exponents = range(math.ceil(first - 1e-9), math.floor(last + 1e-9) + 1)
    return [(float(base) ** e, _power(base, e)) for e in exponents if e % every == 0]


def _power(base: int, exponent: int) -> str:
    if 0 <= exponent <= 4:
        return str(base**exponent)
    digits = str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"{base}{digits}"


@dataclass
class Plot:
    """A plot that is drawn piece by piece, the first piece at the back.

    Args:
        name: unique on the page.
        title: what a screen reader says.
        x, y: the axes.
        width, height: in pixels, if it is not scaled.
        left: room for the y axis.
    """

    name: str
    title: str
    x: Axis
    y: Axis
    width: int = _WIDTH
    height: int = _HEIGHT
    left: int = _LEFT
    pieces: list[Markup] = field(default_factory=list)

    def line(self, points: Points, css: str, title: str = "") -> None:
        """A line through points."""
        self._add("path", css, f'd="{self._path(points)}" fill="none"', title)

    def band(self, lower: Points, upper: Points, css: str) -> None:
        """The area between two lines over the same positions."""
        outline = self._path([*upper, *reversed(lower)])
        self._add("path", css, f'd="{outline}Z" stroke="none"')

    def dots(
        self, points: Points, css: str, marker: int, titles: Sequence[str] = (), size: float = 4
    ) -> None:
        """One marker a point, each with a text that shows when pointed at."""
        for k, (x, y) in enumerate(points):
            shape, attributes = _marker(marker, *self._place(x, y), size)
            self._add(shape, css, attributes, titles[k] if titles else "")

    def text(self, x: float, y: float, text: str, css: str, anchor: str = "start") -> None:
        """Words at a position of the plot."""
        px, py = self._place(x, y)
        self._words(px, py, text, css, anchor)

    def names(
        self, points: Points, texts: Sequence[str], css: str, lines: Sequence[Points]
    ) -> None:
        """The points' names beside them, where there is room off the lines; the first go first."""
        frame = (self.left, _TOP - 5, self._right, self._bottom)
        segments = [(self._place(*a), self._place(*b)) for line in lines for a, b in pairwise(line)]
        taken = [
            (min(a[0], b[0]) - 2, min(a[1], b[1]) - 2, max(a[0], b[0]) + 2, max(a[1], b[1]) + 2)
            for a, b in segments
        ]
        for label in place_labels([self._place(*p) for p in points], texts, frame, taken):
            self._words(label.x, label.y, label.text, css, label.anchor)

    def render(self) -> Markup:
        """The whole plot."""
        clip = Markup('<clipPath id="clip-{}"><rect x="{}" y="{}" width="{}" height="{}"/>').format(
            self.name, self.left, _TOP - 5, self._right - self.left, self._bottom - _TOP + 10
        )
        frame = replace(self, pieces=[])
        frame._draw_axes()
        return Markup(
            '<svg viewBox="0 0 {} {}" role="img" aria-label="{}"><defs>{}</clipPath></defs>{}'
            '<g clip-path="url(#clip-{})">{}</g></svg>'
        ).format(
            self.width,
            self.height,
            self.title,
            clip,
            Markup("").join(frame.pieces),
            self.name,
            Markup("").join(self.pieces),
        )

    @property
    def _right(self) -> float:
        return self.width - _RIGHT

    @property
    def _bottom(self) -> float:
        return self.height - _BOTTOM

    def _draw_axes(self) -> None:
        middle = (_TOP + self._bottom) / 2
        for position, text in self.y.ticks:
            y = self._place(self.x.low, position)[1]
            end = f'x1="{self.left}" x2="{self._right}" y1="{y:.1f}" y2="{y:.1f}"'
            self._add("line", "grid", end)
            self._words(self.left - 7, y + 4, text, "tick", "end")
        for position, text in self.x.ticks:
            x = self._place(position, self.y.low)[0]
            end = f'x1="{x:.1f}" x2="{x:.1f}" y1="{self._bottom}" y2="{self._bottom + 4}"'
            self._add("line", "axis", end)
            self._words(x, self._bottom + 17, text, "tick", "middle")
        bottom = f'x1="{self.left}" x2="{self._right}" y1="{self._bottom}" y2="{self._bottom}"'
        self._add("line", "axis", bottom)
        self._words((self.left + self._right) / 2, self.height - 6, self.x.label, "label", "middle")
        if self.y.label:
            turned = f'transform="rotate(-90 12 {middle:.1f})"'
            self._words(12, middle, self.y.label, "label", "middle", turned)

    def _place(self, x: float, y: float) -> tuple[float, float]:
        return (
            self.left + self.x.share(x) * (self._right - self.left),
            self._bottom - self.y.share(y) * (self._bottom - _TOP),
        )

    def _path(self, points: Points) -> str:
        if not points:
            return ""
        places: NDArray[np.float64] = np.array([self._place(x, y) for x, y in points])
        far = 10 * self.width  # what lies outside is clipped; no need to write its digits
        return "M" + "L".join(f"{x:.1f},{y:.1f}" for x, y in np.clip(places, -far, far))

    def _words(self, x: float, y: float, text: str, css: str, anchor: str, more: str = "") -> None:
        place = Markup('<text class="{}" x="{}" y="{}" text-anchor="{}" {}>{}</text>')
        numbers = (f"{x:.1f}", f"{y:.1f}")
        self.pieces.append(place.format(css, *numbers, anchor, Markup(more), text))

    def _add(self, shape: str, css: str, attributes: str, title: str = "") -> None:
        """One element; ``attributes`` are this module's own, numbers only."""
        inside = Markup("<title>{}</title>").format(title) if title else ""
        piece = Markup('<{} class="{}" {}>{}</{}>')
        self.pieces.append(piece.format(shape, escape(css), Markup(attributes), inside, shape))


def _marker(marker: int, x: float, y: float, size: float) -> tuple[str, str]:
    kind = MARKERS[marker % len(MARKERS)]
    if kind == "circle":
        return "circle", f'cx="{x:.1f}" cy="{y:.1f}" r="{size:.1f}"'
    reach, corners = _POLYGONS[kind]
    points = " ".join(f"{x + a * reach * size:.1f},{y + b * reach * size:.1f}" for a, b in corners)
    return "polygon", f'points="{points}"'
