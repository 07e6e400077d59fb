"""Scatter plots: one point per model."""

import pytest
from matplotlib.colors import to_hex

from seatbelt_vae.paper.drawing.looks import ramp
from seatbelt_vae.paper.drawing.measure_scatter import draw_scatter
from seatbelt_vae.paper.experiments import EXPERIMENTS
from seatbelt_vae.paper.figure_kinds import FIRST_ORDER_GAPS
from seatbelt_vae.paper.sizes import SIZES
from tests.paper.made_up import made_up


def test_points_are_the_means_over_the_pairs_of_each_model():
    store = made_up([EXPERIMENTS["figE11"]], SIZES["small"])
    figure = EXPERIMENTS["figE11"].figures[0]
    rows = {p: store.query(figure.query("figE11", p)).to_pylist() for p in ("paper", "strong")}
    sheet = draw_scatter(figure, rows)["strong"]
    (axes,) = [axes for axes in sheet.canvas.axes if axes.get_title("left") == "faces"]
    drawn = {
        (line.get_label(), to_hex(line.get_color())): (line.get_xdata()[0], line.get_ydata()[0])
        for line in axes.get_lines()
        if line.get_linestyle() == "None"
    }
    found = store.query(
        "SELECT series, beta, any_value(mig) AS mig, avg(delta_mean) AS mean "
        "FROM members JOIN runs USING (run) JOIN evaluations USING (run) JOIN pairs USING (run) "
        "WHERE data = 'faces' AND suite LIKE '%strong' GROUP BY series, beta, run"
    ).to_pylist()
    colours = ramp([1, 4, 10])
    expected = {
        (f"{row['series']}, β = {row['beta']:g}", colours[row["beta"]]): (row["mig"], row["mean"])
        for row in found
    }
    assert len(drawn) == 6
    assert drawn.keys() == expected.keys()
    assert all(drawn[key] == pytest.approx(expected[key]) for key in expected)
    assert sheet.caption.startswith("One point per model: 16 models, means over 12 pairs.")


def test_models_without_a_measure_are_no_points():
    figure = EXPERIMENTS["figE11"].figures[1]
    row = {"panel": "p", "series": "VAE", "beta": 1.0, "run": "a", "x": None, "y": 0.5}
    assert draw_scatter(figure, {"strong": [row]})["strong"].canvas is None


def test_the_line_of_equal_measures_ends_with_the_shorter_axis():
    store = made_up([EXPERIMENTS["fig5"]], SIZES["small"])
    figure = FIRST_ORDER_GAPS
    rows = store.query(figure.query("fig5", "strong")).to_pylist()
    sheet = draw_scatter(figure, {"strong": rows})["strong"]
    axes = sheet.canvas.axes[0]
    (line,) = [line for line in axes.get_lines() if len(set(line.get_xdata())) == 2]
    assert list(line.get_xdata()) == list(line.get_ydata())
    assert line.get_xdata()[1] == min(axes.get_xlim()[1], axes.get_ylim()[1])
    assert "a linear encoder" in [text.get_text() for text in sheet.canvas.legends[0].get_texts()]
