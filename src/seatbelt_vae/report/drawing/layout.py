"""A grid of panels with a legend.

Margins are fixed in inches, so that panels have the same position in every figure.
"""

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from seatbelt_vae.report.drawing.axis import Axis
from seatbelt_vae.report.drawing.chart import Chart
from seatbelt_vae.report.drawing.marks import LEGEND
from seatbelt_vae.report.drawing.style import canvas, name_axes

__all__ = ["panel_grid"]

_LEFT, _BETWEEN, _RIGHT = 0.66, 0.5, 0.1
_TOP, _BOTTOM, _ENTRY = 0.36, 0.46, 0.185


def panel_grid(
    panels: Mapping[str, tuple[Axis, Axis]],
    height: float,
    label: str,
    entries: Sequence[Line2D],
    *,
    columns: int = 2,
    full_width: float = 5.9,
) -> tuple[Figure, list[Chart]]:
    """One chart per panel, with the legend in the free cell of the grid, or below without one.

    Args:
        panels: the x and y axis of each panel, by title.
        height: height of each panel, inches.
        label: y label of the first panel of each line.
        entries: entries of the legend.
        columns: largest number of panels per line.
        full_width: width of the figure, inches.
    """
    count = len(panels)
    columns, lines = min(count, columns), -(-count // columns)
    free = count < columns * lines
    below = 0.0 if free else 0.08 + _ENTRY * -(-len(entries) // 2)
    whole = lines * (height + _TOP + _BOTTOM) + below
    figure = canvas(full_width, whole, fixed=True)
    width = (full_width - _LEFT - _RIGHT - (columns - 1) * _BETWEEN) / columns
    cells = figure.subplots(lines, columns, squeeze=False).ravel().tolist()
    figure.subplots_adjust(
        left=_LEFT / full_width,
        right=1 - _RIGHT / full_width,
        bottom=(_BOTTOM + below) / whole,
        top=1 - _TOP / whole,
        wspace=_BETWEEN / width,
        hspace=(_TOP + _BOTTOM) / height,
    )
    charts = [Chart(a, x, y, t) for a, (t, (x, y)) in zip(cells, panels.items(), strict=False)]
    for chart in charts[::columns]:
        name_axes(chart.axes, y=label)
    if free:
        cells[-1].set_axis_off()
        cells[-1].legend(handles=entries, loc="center left", **LEGEND)
    else:
        figure.legend(handles=entries, loc="lower center", ncols=2, borderaxespad=0.1, **LEGEND)
    return figure, charts
