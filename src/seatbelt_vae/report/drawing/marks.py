"""The kinds of marks, shared by all figures: how lines, areas and dots of each kind look."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from seatbelt_vae.report.drawing.style import INK, MUTED, PAPER, Look

__all__ = ["AREAS", "GREY", "LEGEND", "add_legend", "dot_style", "entry", "line_style"]

GREY = Look(MUTED, "o")
"""The look of marks that belong to no series."""

LEGEND: Mapping[str, Any] = MappingProxyType(
    {"frameon": False, "fontsize": 8, "labelcolor": INK, "handlelength": 2.2}
)
"""Keyword arguments of every legend."""

AREAS = {"band": 0.16, "ridge": 0.15, "dominated": 0.06}
"""The opacity of each kind of area."""

_ROUND = {"solid_capstyle": "round"}
_LINES: dict[str, dict[str, Any]] = {
    "line": {"linewidth": 1.5},
    "thin": {"linewidth": 0.67, "alpha": 0.45},
    "few": {"linewidth": 1.2, "dashes": (4, 2.2)},
    "blend": {"linewidth": 0.93, "dashes": (4, 3), "alpha": 0.75},
    "blend-mark": {"linewidth": 1.07, "dashes": (2.5, 2)},
    "identity": {"linewidth": 0.93},
    "reference": {"linewidth": 1.2, "dashes": (1, 1.6)},
    "second reference": {"linewidth": 0.9, "dashes": (6, 2, 1, 2)},
    "ceiling": {"linewidth": 1.0, "dashes": (1, 3)},
    "published": {"linewidth": 1.0, "markersize": 4.5},
    "interval": {"linewidth": 3.8, "alpha": 0.35, **_ROUND},
    "bar": {"linewidth": 2.0, "alpha": 0.75},
    "whisker": {"linewidth": 1.2, "alpha": 0.55, **_ROUND},
    "rail": {"linewidth": 2, "alpha": 0.3, **_ROUND},
    "front": {"linewidth": 1.07},
    "front flagged": {"linewidth": 1.07, "dashes": (1, 2.5)},
}
_DOTS: dict[str, dict[str, Any]] = {
    "faint": {"alpha": 0.38, "markeredgewidth": 0},
    "solid": {"markeredgewidth": 0},
    "ringed": {"markeredgecolor": PAPER, "markeredgewidth": 0.9},
    "hollow": {"markerfacecolor": PAPER, "markeredgewidth": 1.5},
    "stroke": {"marker": "|", "markeredgewidth": 2},
}


def line_style(kind: str, look: Look) -> dict[str, Any]:
    """Keyword arguments of a line; a kind with a marker size also has the marker of its look."""
    marker = {"marker": look.marker} if "markersize" in _LINES[kind] else {}
    return {"linestyle": "-", "color": look.colour, **marker, **_LINES[kind]}


def dot_style(kind: str, look: Look, size: float = 4) -> dict[str, Any]:
    """Keyword arguments of a marker without a line; ``size`` is half its width in pixels."""
    mark = {"marker": look.marker, "markersize": 1.33 * size, "color": look.colour}
    return {"linestyle": "none", **mark, **_DOTS[kind]}


def entry(label: str, look: Look = GREY, line: str = "", dots: str = "") -> Line2D:
    """An entry of a legend with the kind of its line, of its dots, or both."""
    mark = dot_style(dots, look) if dots else {}
    return Line2D([], [], label=label, **mark | (line_style(line, look) if line else {}))


def add_legend(figure: Figure, entries: Sequence[Line2D]) -> None:
    """Add a legend in one line below all axes of a figure with constrained layout."""
    figure.legend(handles=entries, loc="outside lower center", ncols=len(entries), **LEGEND)
