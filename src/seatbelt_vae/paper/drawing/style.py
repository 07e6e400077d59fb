"""How the figures look: colours that a page can put its own in place of, markers, axes, SVG."""

import io
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator

__all__ = [
    "GRID",
    "INK",
    "MUTED",
    "PAPER",
    "PUBLISHED",
    "RAMP",
    "THEME",
    "Look",
    "beta_axis",
    "canvas",
    "looks",
    "measure_axis",
    "plain",
    "power",
    "ramp",
    "svg",
    "tidy",
    "verbatim",
]

INK, MUTED, GRID, PAPER, PUBLISHED = "#1d2127", "#5f656e", "#e6e3dc", "#ffffff", "#8b9199"
_SERIES = ("#0b6bb8", "#cc5200", "#00805c", "#a23f92", "#9a7400", "#4d5a68")
RAMP = ("#c98a00", "#d4572a", "#c23b5a", "#952c86", "#5b2d91", "#20307f")
"""From the smallest to the largest β."""

THEME: Mapping[str, str] = MappingProxyType(
    {INK: "ink", MUTED: "muted", GRID: "grid", PAPER: "page", PUBLISHED: "published"}
    | {colour: f"m{k}" for k, colour in enumerate(_SERIES)}
    | {colour: f"b{k}" for k, colour in enumerate(RAMP)}
)
"""Every colour of a drawing, and the CSS variable by which a page names it."""


@dataclass(frozen=True)
class Look:
    """A series's colour and marker, so that colour is never the only sign."""

    colour: str
    marker: str


_LOOKS = {
    "VAE": Look(_SERIES[5], "o"),
    "β-VAE": Look(_SERIES[3], "s"),
    "β-TCVAE": Look(_SERIES[0], "^"),
    "Seatbelt-VAE": Look(_SERIES[1], "D"),
    "TC-DLGM": Look(_SERIES[2], "v"),
}
_FONT = "DejaVu Sans"


def looks(series: Iterable[str]) -> dict[str, Look]:
    """The look of each series, in the order they are named: a kind of model keeps its own.

    Example:
        >>> list(looks(["Seatbelt-VAE", "β-TCVAE"]))
        ['β-TCVAE', 'Seatbelt-VAE']
        >>> variants = looks(f"Seatbelt-VAE, L = {depth}" for depth in range(1, 6))
        >>> len(set(variants.values())), variants["Seatbelt-VAE, L = 1"] == _LOOKS["Seatbelt-VAE"]
        (5, True)
    """
    names = dict.fromkeys(series)
    kinds = list(_LOOKS)
    ordered = sorted(names, key=lambda name: (_place(name, kinds), len(name), name))
    free = [look for kind, look in _LOOKS.items() if all(_kind(name) != kind for name in ordered)]
    found: dict[str, Look] = {}
    for name in ordered:
        own = _LOOKS.get(_kind(name))
        if own is None or own in found.values():
            own = free.pop(0) if free else Look(INK, "P")
        found[name] = own
    return found


def _kind(series: str) -> str:
    """What comes before the comma, as in ``Seatbelt-VAE, L = 4``."""
    return series.split(",")[0]


def _place(series: str, kinds: Sequence[str]) -> int:
    return kinds.index(_kind(series)) if _kind(series) in kinds else len(kinds)


def ramp(values: Iterable[float]) -> dict[float, str]:
    """A colour for each β, ascending; the smallest and the largest keep theirs.

    Example:
        >>> ramp([10.0, 1.0]) == {1.0: RAMP[0], 10.0: RAMP[-1]}
        True
    """
    ordered = sorted(set(values))
    last = max(len(ordered) - 1, 1)
    return {value: RAMP[round(k * (len(RAMP) - 1) / last)] for k, value in enumerate(ordered)}


def canvas(width: float, height: float, *, fixed: bool = False) -> Figure:
    """An empty figure, sizes in inches, that no other figure knows of.

    Args:
        width, height: its size.
        fixed: whether its parts are put in their places, not laid out.
    """
    layout: Literal["constrained"] | None = None if fixed else "constrained"
    figure = Figure(figsize=(width, height), facecolor=PAPER, layout=layout)
    FigureCanvasSVG(figure)
    return figure


def tidy(axes: Axes, title: str = "") -> None:
    """A quiet frame: a grid of y, no box, small muted ticks."""
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


def verbatim(name: str) -> str:
    """A name as it is, though it has the signs that begin a formula.

    Example:
        >>> print(verbatim("$set"))
        \\$set
    """
    return name.replace("$", r"\$")


def beta_axis(axes: Axes, betas: Sequence[float]) -> None:
    """A tick at every β."""
    low, high = min(betas), max(betas)
    room = 0.06 * (high - low) or 0.5
    axes.set_xlim(low - room, high + room)
    axes.xaxis.set_major_locator(FixedLocator(list(betas)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.set_xlabel("β", fontsize=8.5, color=MUTED)


def measure_axis(axes: Axes, low: float, high: float, *, logarithmic: bool = False) -> None:
    """The axis of y over a range, with round ticks in plain digits."""
    if logarithmic:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(FixedLocator(_powers(low, high)))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: power(value)))
        axes.yaxis.set_minor_locator(FixedLocator([]))
    else:
        axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: plain(value)))
    axes.set_ylim(low, high)


def _powers(low: float, high: float) -> list[float]:
    """About five powers of ten, or 1, 2 and 5 times them where the range is short."""
    first, last = math.ceil(math.log10(low)), math.floor(math.log10(high))
    if last - first < 1:
        exponents = range(first - 1, last + 2)
        found = [step * 10.0**e for e in exponents for step in (1, 2, 5)]
        return [value for value in found if low <= value <= high]
    every = max(1, math.ceil((last - first) / 6))
    return [10.0**e for e in range(first, last + 1) if (e - first) % every == 0]


def power(value: float) -> str:
    """A tick of a logarithmic axis.

    Example:
        >>> power(1e5), power(200.0), power(0.01)
        ('10⁵', '200', '0.01')
    """
    exponent = round(math.log10(value))
    if -3 <= exponent < 3 or not math.isclose(value, 10.0**exponent):
        return plain(value)
    return "10" + str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def plain(value: float) -> str:
    """A number with a true minus and thin spaces between thousands.

    Example:
        >>> plain(-12345.0), plain(0.25)
        ('−12\u202f345', '0.25')
    """
    return f"{value:,.6g}".replace("-", "−").replace(",", "\u202f")


def svg(figure: Figure, salt: str) -> bytes:
    """The figure as SVG: text as text, no font in it, no date; the same figure, the same bytes.

    Args:
        figure: the figure.
        salt: makes the names inside it its own, so that several may stand on one page.
    """
    settings: dict[Any, Any] = {
        "svg.fonttype": "none",
        "svg.hashsalt": salt,
        "font.sans-serif": [_FONT],
    }
    buffer = io.BytesIO()
    with mpl.rc_context(settings):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None}, dpi=144)
    return buffer.getvalue()
