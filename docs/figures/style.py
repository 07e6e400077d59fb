"""Empty charts for the figures of the documentation."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from seatbelt_vae.report.drawing.marks import LEGEND
from seatbelt_vae.report.drawing.style import INK, MUTED, SERIES, canvas, name_axes, tidy

__all__ = ["COLOURS", "DOCS", "INK", "MUTED", "legend", "plot", "plots"]

DOCS = Path(__file__).parent.parent
COLOURS = SERIES


def plot(title: str, x: str, y: str, wide: float = 6.4) -> tuple[Figure, Axes]:
    """One chart."""
    figure, (axes,) = plots([title], x, y, wide)
    return figure, axes


def plots(titles: Sequence[str], x: str, y: str, wide: float = 6.4) -> tuple[Figure, list[Axes]]:
    """Charts side by side."""
    figure = canvas(wide, 4.0)
    figure.set_dpi(140)
    every = figure.subplots(1, len(titles), squeeze=False)[0].tolist()
    for title, axes in zip(titles, every, strict=True):
        tidy(axes, title)
        name_axes(axes, x)
    name_axes(every[0], y=y)
    return figure, every


def legend(axes: Axes) -> None:
    """A legend inside the chart."""
    axes.legend(**LEGEND)
