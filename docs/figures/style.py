"""How all figures of the documentation look."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

__all__ = ["COLOURS", "DOCS", "INK", "MUTED", "legend", "plot", "plots"]

DOCS = Path(__file__).parent.parent
INK, MUTED = "#1d2430", "#6b7280"
COLOURS = ("#0b6bb8", "#d9541e", "#2a8c5a", "#8a4fbf")


def plot(title: str, x: str, y: str, wide: float = 6.4) -> tuple[Figure, Axes]:
    """An empty chart."""
    figure, (axes,) = plots([title], x, y, wide)
    return figure, axes


def plots(titles: Sequence[str], x: str, y: str, wide: float = 6.4) -> tuple[Figure, list[Axes]]:
    """Empty charts side by side."""
    mpl.rcParams["font.family"] = "DejaVu Sans"
    figure = Figure(figsize=(wide, 4.0), dpi=140, layout="constrained")
    every = figure.subplots(1, len(titles), squeeze=False)[0].tolist()
    for title, axes in zip(titles, every, strict=True):
        axes.set_title(title, loc="left", color=INK, fontsize=11)
        axes.set_xlabel(x, color=MUTED)
        axes.tick_params(colors=MUTED)
        axes.grid(axis="y", color="#e5e7eb", linewidth=0.8)
        axes.set_axisbelow(True)
        for side, spine in axes.spines.items():
            spine.set_visible(side in ("left", "bottom"))
            spine.set_color("#c9ccd1")
    every[0].set_ylabel(y, color=MUTED)
    return figure, every


def legend(axes: Axes) -> None:
    """What each line is."""
    axes.legend(frameon=False, fontsize=8, labelcolor=INK)
