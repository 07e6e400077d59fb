"""One chart of a page, with its own figure, tooltips and point labels."""

from collections.abc import Sequence
from itertools import pairwise

from markupsafe import Markup

from seatbelt_vae.report.drawing import style
from seatbelt_vae.report.drawing.axis import Axis
from seatbelt_vae.report.drawing.chart import Chart, Points
from seatbelt_vae.report.drawing.style import INK
from seatbelt_vae.report.drawing.svg import inlined, svg
from seatbelt_vae.report.labels import place_labels

__all__ = ["PageChart"]

_INCH = 108.0  # pixels; the smallest text is then 12 pixels high
_RIGHT, _TOP, _BOTTOM = 14, 12, 44  # margins, pixels


class PageChart(Chart):
    """A chart as an element of a page, with fixed margins.

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
        self.name, self.title = name, title
        self._width, self._height = size
        self._frame = (left, _TOP, self._width - _RIGHT, self._height - _BOTTOM)
        self.figure = style.canvas(*(s / _INCH for s in size), fixed=True, back="none")
        width, height = self._width - left - _RIGHT, self._height - _TOP - _BOTTOM
        box = (left / size[0], _BOTTOM / size[1], width / size[0], height / size[1])
        super().__init__(self.figure.add_axes(box), x, y)
        self.axes.xaxis.set_label_coords(0.5, -(_BOTTOM - 18) / height)
        self.axes.yaxis.set_label_coords((14 - left) / width, 0.5)

    def names(self, points: Points, texts: Sequence[str], lines: Sequence[Points]) -> None:
        """Label points where the labels cover no points, lines or other labels.

        Args:
            points: positions, in order of importance.
            texts: one per point.
            lines: polylines that labels must not cover.
        """
        ends = [(*self._place(*a), *self._place(*b)) for line in lines for a, b in pairwise(line)]
        taken = [
            (min(ax, bx) - 2, min(ay, by) - 2, max(ax, bx) + 2, max(ay, by) + 2)
            for ax, ay, bx, by in ends
        ]
        for label in place_labels([self._place(*p) for p in points], texts, self._frame, taken):
            text = self.figure.text(
                label.x / self._width,
                1 - label.y / self._height,
                style.verbatim(label.text),
                ha={"start": "left", "middle": "center", "end": "right"}[label.anchor],
                fontsize=8,
                color=INK,
            )
            self._register(text, "name")

    def render(self) -> Markup:
        """The chart as an ``<svg>`` element."""
        return inlined(svg(self.figure, self.name), self.title)

    def _place(self, x: float, y: float) -> tuple[float, float]:
        """Data coordinates to pixels from the top left."""
        px, py = self.axes.transData.transform((x, y)) * (_INCH / self.figure.dpi)
        return float(px), self._height - float(py)
