"""The look of every figure: colours that a page replaces by its own, markers, axes, number formats.

A figure belongs to no global state, and the same figure gives the same bytes.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, Locator, MaxNLocator

__all__ = [
    "GRID",
    "INK",
    "LEGEND",
    "MARKERS",
    "MUTED",
    "PAPER",
    "PUBLISHED",
    "RAMP",
    "SERIES",
    "THEME",
    "Look",
    "add_legend",
    "canvas",
    "entry",
    "look",
    "mark",
    "name_axes",
    "plain",
    "power",
    "powers",
    "set_axis",
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
"""Each colour of a figure with the name of its CSS variable."""

LEGEND: Mapping[str, Any] = MappingProxyType(
    {"frameon": False, "fontsize": 8, "labelcolor": INK, "handlelength": 2.2}
)
"""Keyword arguments of every legend."""


@dataclass(frozen=True)
class Look:
    """Colour and marker of a series, so that colour is never the only difference."""

    colour: str
    marker: str


def look(index: int) -> Look:
    """The look of the model at a position, 0-based, of a page.

    Example:
        >>> look(0)
        Look(colour='#0b6bb8', marker='o')
        >>> look(7).marker
        'D'
    """
    return Look(SERIES[index % len(SERIES)], MARKERS[index % len(MARKERS)])


def mark(own: Look, size: float = 6, *, hollow: bool = False) -> dict[str, Any]:
    """Keyword arguments of a marker without a line.

    Args:
        own: colour and shape.
        size: points.
        hollow: whether it is filled with the background's colour.
    """
    face = PAPER if hollow else own.colour
    edge = {"markerfacecolor": face, "markeredgewidth": 1.2, "linestyle": "none"}
    return {"marker": own.marker, "markersize": size, "color": own.colour, **edge}


def entry(label: str, **line: Any) -> Line2D:
    """An entry of a legend."""
    return Line2D([], [], label=label, **line)


def add_legend(figure: Figure, entries: Sequence[Line2D], columns: int) -> None:
    """A legend below everything in a figure of constrained layout."""
    figure.legend(handles=entries, loc="outside lower center", ncols=columns, **LEGEND)


def canvas(width: float, height: float, *, fixed: bool = False, back: str = PAPER) -> Figure:
    """An empty figure outside pyplot's registry.

    Args:
        width, height: inches.
        fixed: whether axes are placed by the caller instead of a constrained layout.
        back: background colour, or ``none``.
    """
    layout: Literal["constrained"] | None = None if fixed else "constrained"
    figure = Figure(figsize=(width, height), facecolor=back, layout=layout)
    FigureCanvasSVG(figure)
    return figure


def tidy(axes: Axes, title: str = "") -> None:
    """Draw a y grid, left and bottom spines, and small muted ticks."""
    axes.set_facecolor("none")
    axes.grid(axis="y", color=GRID, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.tick_params(colors=MUTED, labelsize=8, length=3, width=0.7)
    axes.tick_params(which="minor", length=0)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(MUTED)
        spine.set_linewidth(0.7)
    if title:
        axes.set_title(verbatim(title), loc="left", fontsize=9, color=INK, fontweight="bold")


def name_axes(axes: Axes, x: str = "", y: str = "") -> None:
    """Write the quantities of the axes; an empty one is left as it is."""
    if x:
        axes.set_xlabel(x, fontsize=8.5, color=MUTED)
    if y:
        axes.set_ylabel(y, fontsize=8.5, color=MUTED, labelpad=3)


def verbatim(name: str) -> str:
    """A name for matplotlib: a dollar sign starts no formula, control characters are replaced.

    Example:
        >>> print(verbatim("$set"))
        \\$set
    """
    return "".join(c if c.isprintable() else "\ufffd" for c in name).replace("$", r"\$")


def set_axis(
    axes: Axes,
    which: Literal["x", "y"],
    ends: tuple[float, float],
    *,
    logarithmic: bool = False,
    ticks: Sequence[float] | None = None,
    most: int = 5,
    write: Callable[[float], str] | None = None,
) -> None:
    """Set range, scale and ticks of one axis.

    Args:
        axes: the plot.
        which: the axis.
        ends: the range shown.
        logarithmic: whether the scale is.
        ticks: positions; round ones by default.
        most: the number of round ticks is at most one more.
        write: the text of a tick; `power` on logarithmic axes and `plain` on others by default.
    """
    axis = axes.xaxis if which == "x" else axes.yaxis
    text = write or (power if logarithmic else plain)
    locator: Locator = MaxNLocator(most, steps=[1, 2, 2.5, 5, 10])
    if logarithmic:
        axes.set(**{f"{which}scale": "log"})
        axis.set_minor_locator(FixedLocator([]))
        ticks = powers(*ends) if ticks is None else ticks
    axis.set_major_locator(locator if ticks is None else FixedLocator(list(ticks)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: text(value)))
    axes.set(**{f"{which}lim": ends})


def powers(low: float, high: float) -> list[float]:
    """About five powers of ten, or 1, 2 and 5 times them if the range is less than a decade."""
    first, last = math.ceil(math.log10(low)), math.floor(math.log10(high))
    if last - first < 1:
        exponents = range(first - 1, last + 2)
        found = [step * 10.0**e for e in exponents for step in (1, 2, 5)]
        return [value for value in found if low <= value <= high]
    every = max(1, math.ceil((last - first) / 6))
    return [10.0**e for e in range(first, last + 1) if (e - first) % every == 0]


def power(value: float, base: int = 10) -> str:
    """A tick of a logarithmic axis: plain digits near 1, else a power of ``base``.

    Example:
        >>> power(1e5), power(200.0), power(0.01), power(0.25, 2), power(16.0, 2)
        ('10⁵', '200', '0.01', '2⁻²', '16')
    """
    exponent = round(math.log(value, base))
    near = range(-3, 3) if base == 10 else range(5)
    if exponent in near or not math.isclose(value, float(base) ** exponent):
        return plain(value)
    return str(base) + str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def plain(value: float) -> str:
    """A number with a true minus and thin spaces between thousands.

    Example:
        >>> plain(-12345.0), plain(0.25)
        ('−12\u202f345', '0.25')
    """
    return f"{value:,.6g}".replace("-", "−").replace(",", "\u202f")
