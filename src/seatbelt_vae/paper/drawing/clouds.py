"""Codes in the plane and their reconstructions: one column per model."""

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Circle
from numpy.typing import NDArray

from seatbelt_vae.paper.drawing.drawn import Row, Rows, Sheet
from seatbelt_vae.paper.drawing.looks import looks
from seatbelt_vae.paper.drawing.words import spread
from seatbelt_vae.report.drawing import style
from seatbelt_vae.report.drawing.images import frame
from seatbelt_vae.report.drawing.style import INK, MUTED

__all__ = ["draw_clouds"]

Points = NDArray[np.float64]

_SIDE, _LEFT = 1.42, 0.35
_MOST = 800
_HUES = (0.08, 0.92)
_PLANE = 2


def draw_clouds(rows: Rows) -> Sheet:
    """The data, then one column per model: its codes above, its reconstructions below."""
    models = _models(rows)
    if not models:
        return Sheet(None, "")
    canvas = style.canvas(_LEFT + _SIDE * (len(models) + 1), 2 * _SIDE + 0.75)
    grid = canvas.subplots(2, len(models) + 1, squeeze=False)
    reach = max(float(np.quantile(np.abs(_points(own, "code")), 0.995)) for own in models.values())
    reach = 1.08 * max(reach, _PLANE)
    grid[0, 0].set_axis_off()
    _scatter(grid[1, 0], next(iter(models.values())), "pixels", 1.08)
    grid[1, 0].set_title("the data", loc="left", fontsize=8.5, color=INK)
    for column, ((series, beta), own) in enumerate(models.items(), start=1):
        _scatter(grid[0, column], own, "code", reach)
        grid[0, column].add_patch(Circle((0, 0), 2, fill=False, color=MUTED, linewidth=0.7))
        title = f"{series}\nβ = {beta:g}"
        grid[0, column].set_title(title, loc="left", fontsize=8.5, color=INK)
        _scatter(grid[1, column], own, "reconstruction", 1.08)
    style.name_axes(grid[0, 1], y="codes z ~ q(z|x)")
    style.name_axes(grid[1, 1], y="reconstructions")
    panels = tuple(dict.fromkeys(row["panel"] for row in rows))
    return Sheet(canvas, _caption(list(models.values())), panels)


def _models(rows: Rows) -> dict[tuple[str, float], Rows]:
    """The rows of the first training of each series and β whose codes are in the plane."""
    first: dict[tuple[str, float], str] = {}
    found: dict[tuple[str, float], list[Row]] = {}
    for row in sorted(rows, key=lambda row: (row["x"], row["seed"], row["run"], row["item"])):
        key = (row["series"], float(row["x"]))
        if first.setdefault(key, row["run"]) == row["run"] and len(row["code"]) == _PLANE:
            found.setdefault(key, []).append(row)
    order = list(looks(series for series, _ in found))
    return {key: found[key] for key in sorted(found, key=lambda key: (order.index(key[0]), key[1]))}


def _scatter(axes: Axes, rows: Rows, what: str, reach: float) -> None:
    points, angle = _points(rows, what), np.array([row["angle"] for row in rows], dtype=np.float64)
    share = (angle - angle.min()) / max(float(np.ptp(angle)), 1.0)
    hues = mpl.colormaps["turbo"](_HUES[0] + (_HUES[1] - _HUES[0]) * share)
    shown = slice(0, _MOST)
    x, y = points[shown].T
    # thousands of dots as shapes would be megabytes
    axes.scatter(x, y, s=4, c=hues[shown], linewidths=0, rasterized=True, gid=what)
    axes.set_aspect("equal")
    axes.set_xlim(-reach, reach)
    axes.set_ylim(-reach, reach)
    frame(axes)


def _points(rows: Rows, what: str) -> Points:
    return np.array([row[what] for row in rows], dtype=np.float64)


def _caption(models: Sequence[Rows]) -> str:
    images = spread((len(rows) for rows in models), "test point")
    return (
        f"{images[0].upper()}{images[1:]} per model, one draw each, coloured by their place along "
        f"the roll. Circle: two standard deviations of the prior, which holds 86 % of it."
    )
