"""A grid of panels, two per line, with a legend.

Margins are fixed in inches, so that panels have the same position in every figure.
"""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from seatbelt_vae.report.drawing.style import LEGEND, canvas, name_axes

__all__ = ["panel_grid"]

_WIDTH, _COLUMNS = 5.9, 2
_LEFT, _BETWEEN, _RIGHT = 0.66, 0.5, 0.1
_TOP, _BOTTOM, _ENTRY = 0.36, 0.46, 0.185


def panel_grid(
    count: int, height: float, label: str, entries: Sequence[Line2D]
) -> tuple[Figure, list[Axes]]:
    """Empty panels, with the legend in the free cell of the grid, or below if there is none.

    Args:
        count: number of panels.
        height: height of each panel, inches.
        label: y label of the first panel of each line.
        entries: entries of the legend.
    """
    columns, lines = min(count, _COLUMNS), -(-count // _COLUMNS)
    free = count < columns * lines
    below = 0.0 if free else 0.08 + _ENTRY * -(-len(entries) // 2)
    whole = lines * (height + _TOP + _BOTTOM) + below
    figure = canvas(_WIDTH, whole, fixed=True)
    width = (_WIDTH - _LEFT - _RIGHT - (columns - 1) * _BETWEEN) / columns
    panels = figure.subplots(lines, columns, squeeze=False).ravel().tolist()
    figure.subplots_adjust(
        left=_LEFT / _WIDTH,
        right=1 - _RIGHT / _WIDTH,
        bottom=(_BOTTOM + below) / whole,
        top=1 - _TOP / whole,
        wspace=_BETWEEN / width,
        hspace=(_TOP + _BOTTOM) / height,
    )
    for axes in panels[::columns]:
        name_axes(axes, y=label)
    if free:
        panels[-1].set_axis_off()
        panels[-1].legend(handles=entries, loc="center left", **LEGEND)
    else:
        figure.legend(handles=entries, loc="lower center", ncols=2, borderaxespad=0.1, **LEGEND)
    return figure, panels[:count]
