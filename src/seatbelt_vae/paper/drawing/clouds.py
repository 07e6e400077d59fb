"""Two-dimensional codes and their reconstructions: one column per model."""

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from seatbelt_vae.paper.drawing.captions import describe_range
from seatbelt_vae.paper.drawing.looks import looks
from seatbelt_vae.paper.drawing.sheet import Row, Rows, Sheet
from seatbelt_vae.report.drawing.axis import Axis
from seatbelt_vae.report.drawing.chart import Chart
from seatbelt_vae.report.drawing.style import canvas

__all__ = ["draw_clouds"]

Points = NDArray[np.float64]

_SIDE, _LEFT = 1.42, 0.35
_MOST_POINTS = 800
_HUES = (0.08, 0.92)
_TURN = np.linspace(0, 2 * np.pi, 97)


def draw_clouds(rows: Rows) -> Sheet:
    """The data in the first column, then one column per model: codes above reconstructions."""
    models = _models(rows)
    if not models:
        return Sheet(None, "")
    sheet = canvas(_LEFT + _SIDE * (len(models) + 1), 2 * _SIDE + 0.75)
    grid = sheet.subplots(2, len(models) + 1, squeeze=False)
    codes = (np.abs(_points(points, "code")) for points in models.values())
    wide = 1.08 * max(2.0, *(float(np.quantile(code, 0.995)) for code in codes))
    grid[0, 0].set_axis_off()
    _draw(grid[1, 0], next(iter(models.values())), "pixels", 1.08, "", "the data")
    labels = ("codes z ~ q(z|x)", "reconstructions")
    for (above, below), ((series, beta), points) in zip(grid.T[1:], models.items(), strict=True):
        title = f"{series}\nβ = {beta:g}"
        chart = _draw(above, points, "code", wide, labels[0], title)
        circle = zip(2 * np.cos(_TURN), 2 * np.sin(_TURN), strict=True)
        chart.line(list(circle), "identity")
        _draw(below, points, "reconstruction", 1.08, labels[1])
        labels = ("", "")
    images = describe_range((len(points) for points in models.values()), "test point")
    caption = (
        f"{images[0].upper()}{images[1:]} per model, one draw each, coloured by position along "
        f"the roll. Circle: two standard deviations of the prior, 86 % of its mass."
    )
    return Sheet(sheet, caption)


def _models(rows: Rows) -> dict[tuple[str, float], Rows]:
    """Rows of the first training of each series and β with two-dimensional codes."""
    first: dict[tuple[str, float], str] = {}
    models: dict[tuple[str, float], list[Row]] = {}
    for row in sorted(rows, key=lambda row: (row["x"], row["seed"], row["run"], row["item"])):
        key = (row["series"], float(row["x"]))
        if first.setdefault(key, row["run"]) == row["run"] and len(row["code"]) == 2:
            models.setdefault(key, []).append(row)
    order = list(looks(series for series, _ in models))
    ordered = sorted(models, key=lambda key: (order.index(key[0]), key[1]))
    return {key: models[key] for key in ordered}


def _draw(axes: Axes, rows: Rows, column: str, reach: float, label: str, title: str = "") -> Chart:
    chart = Chart(axes, Axis("", -reach, reach), Axis(label, -reach, reach), title)
    angle = np.array([row["angle"] for row in rows], np.float64)
    share = (angle - angle.min()) / max(float(np.ptp(angle)), 1.0)
    hues = mpl.colormaps["turbo"](_HUES[0] + (_HUES[1] - _HUES[0]) * share)
    chart.cloud(_points(rows, column)[:_MOST_POINTS], hues[:_MOST_POINTS], column)
    return chart


def _points(rows: Rows, column: str) -> Points:
    return np.array([row[column] for row in rows], dtype=np.float64)
