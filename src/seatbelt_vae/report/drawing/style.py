"""Style of all figures: colours, markers, frames and legends.

Figures are independent of pyplot's global state. The same figure gives the same bytes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

__all__ = [
    "GRID",
    "INK",
    "MARKERS",
    "MUTED",
    "PAPER",
    "PUBLISHED",
    "RAMP",
    "SERIES",
    "THEME",
    "Look",
    "canvas",
    "frame",
    "look",
    "name_axes",
    "printable",
    "tidy",
    "verbatim",
]

INK, MUTED, GRID, PAPER, PUBLISHED = "#1d2127", "#5f656e", "#e6e3dc", "#ffffff", "#8b9199"
SERIES = ("#0b6bb8", "#cc5200", "#00805c", "#a23f92", "#9a7400", "#4d5a68")
RAMP = ("#c98a00", "#d4572a", "#c23b5a", "#952c86", "#5b2d91", "#20307f")
"""Colours of an ordered quantity, from its smallest to its largest value."""

MARKERS = ("o", "s", "^", "D")

THEME: Mapping[str, str] = MappingProxyType(
    {INK: "ink", MUTED: "muted", GRID: "grid", PAPER: "page", PUBLISHED: "published"}
    | {colour: f"m{k}" for k, colour in enumerate(SERIES)}
    | {colour: f"b{k}" for k, colour in enumerate(RAMP)}
)
"""The CSS variable of each colour; pages define its value per theme."""


@dataclass(frozen=True)
class Look:
    """Colour and marker of a series, so that colour is never the only difference."""

    colour: str
    marker: str


def look(index: int) -> Look:
    """The look of the model with this 0-based index on a page.

    Example:
        >>> look(0)
        Look(colour='#0b6bb8', marker='o')
        >>> look(7).marker
        'D'
    """
    return Look(SERIES[index % len(SERIES)], MARKERS[index % len(MARKERS)])


def canvas(width: float, height: float, *, fixed: bool = False, back: str = PAPER) -> Figure:
    """An empty figure outside pyplot's registry.

    Args:
        width, height: inches.
        fixed: whether the caller places the axes; otherwise the layout is constrained.
        back: background colour, or ``none``.
    """
    figure = Figure((width, height), facecolor=back, layout=None if fixed else "constrained")
    FigureCanvasSVG(figure)
    return figure


def tidy(axes: Axes, title: str = "", grid: Literal["x", "y"] = "y") -> None:
    """Draw a grid, the bottom spine, and small muted ticks."""
    axes.set_facecolor("none")
    axes.grid(axis=grid, color=GRID, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.tick_params(colors=MUTED, labelsize=8, length=3, width=0.7)
    axes.tick_params(axis="y", length=0, pad=5)
    axes.tick_params(which="minor", length=0)
    for side, spine in axes.spines.items():
        spine.set_visible(side == "bottom")
        spine.set_color(MUTED)
        spine.set_linewidth(0.7)
    if title:
        axes.set_title(verbatim(title), loc="left", fontsize=9, color=INK, fontweight="bold")


def frame(axes: Axes) -> None:
    """A thin frame on all sides, without ticks and grid."""
    axes.set_facecolor("none")
    axes.grid(visible=False)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set(visible=True, color=GRID, linewidth=0.6)


def name_axes(axes: Axes, x: str = "", y: str = "") -> None:
    """Set the axis labels; an empty label changes nothing."""
    if x:
        axes.set_xlabel(x, fontsize=8.5, color=MUTED)
    if y:
        axes.set_ylabel(y, fontsize=8.5, color=MUTED, labelpad=3)


def verbatim(name: str) -> str:
    """Escape a name for matplotlib: dollar signs are literal, control characters are replaced.

    Example:
        >>> print(verbatim("$set"))
        \\$set
    """
    return "\n".join(map(printable, name.split("\n"))).replace("$", r"\$")


def printable(name: str) -> str:
    """Replace control characters, which XML cannot contain."""
    return "".join(c if c.isprintable() else "\ufffd" for c in name)
