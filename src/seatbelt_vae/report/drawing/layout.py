"""Panels, two per line, with a place for the legend.

Margins are fixed in inches: a panel has the same place under all protocols, and nothing is drawn
twice to be measured.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from seatbelt_vae.report.drawing.style import LEGEND, canvas, name_axes

__all__ = ["Grid", "panel_grid"]

_WIDTH, _COLUMNS = 5.9, 2
_LEFT, _BETWEEN, _RIGHT = 0.66, 0.5, 0.1
_TOP, _BOTTOM = 0.36, 0.46
_ENTRY = 0.185


@dataclass(frozen=True)
class Grid:
    """A figure of panels.

    Args:
        canvas: the figure.
        panels: the axes.
    """

    canvas: Figure
    panels: Sequence[Axes]

    def name_axes(self, label: str) -> None:
        """Write the y quantity left of each line of panels."""
        for axes in self.panels[::_COLUMNS]:
            name_axes(axes, y=label)

    def add_legend(self, handles: Sequence[Artist]) -> None:
        """Put the legend in the place of a missing last panel, else below."""
        if _corner(len(self.panels)):
            width, height = self.canvas.get_size_inches()
            right = 1 - (_RIGHT + _panel_width(_COLUMNS) + 0.2) / width
            line = (height - 2 * _TOP - 2 * _BOTTOM) / 2
            middle = (_BOTTOM + line / 2) / height
            self.canvas.legend(
                handles=handles, loc="center left", bbox_to_anchor=(right, middle), **LEGEND
            )
        else:
            self.canvas.legend(
                handles=handles, loc="lower center", ncols=2, borderaxespad=0.1, **LEGEND
            )


def panel_grid(count: int, height: float, entries: int) -> Grid:
    """Empty panels, two per line.

    Args:
        count: number of panels.
        height: height of each, inches.
        entries: number of entries of the legend.
    """
    columns, lines = min(count, _COLUMNS), -(-count // _COLUMNS)
    below = 0.0 if _corner(count) else 0.08 + _ENTRY * -(-entries // 2)
    whole = lines * (height + _TOP + _BOTTOM) + below
    figure = canvas(_WIDTH, whole, fixed=True)
    width = _panel_width(columns)
    panels = []
    for place in range(count):
        line, column = divmod(place, columns)
        left = _LEFT + column * (width + _BETWEEN)
        bottom = whole - (line + 1) * (height + _TOP) - line * _BOTTOM
        box = (left / _WIDTH, bottom / whole, width / _WIDTH, height / whole)
        panels.append(figure.add_axes(box))
    return Grid(figure, panels)


def _panel_width(columns: int) -> float:
    return (_WIDTH - _LEFT - _RIGHT - (columns - 1) * _BETWEEN) / columns


def _corner(count: int) -> bool:
    """Whether the last line has one panel of two."""
    return count > 1 and count % _COLUMNS == 1
