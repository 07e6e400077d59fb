"""Curves: every drawn number equals a mean of the rows, computed independently."""

from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure as Canvas

from seatbelt_vae.paper.drawing.beta_curves import draw_curves
from seatbelt_vae.paper.drawing.sheet import Sheet
from seatbelt_vae.paper.experiments import EXPERIMENTS
from seatbelt_vae.paper.figure_kinds import Curves
from seatbelt_vae.paper.published import published_ceiling, published_curves
from seatbelt_vae.paper.quantities import BLEND, COPY, TRIVIAL
from seatbelt_vae.paper.run_matrix import run_matrices
from seatbelt_vae.paper.sizes import SIZES
from seatbelt_vae.report.drawing import style
from tests.paper.made_up import MadeUp, made_up

IDS = ("fig2", "fig3", "fig5")

ROW = {"panel": "p", "series": "VAE", "x": 1.0, "size": "[32]", "seed": 0, "run": "a", "item": 0}
"""A row of a figure's query, without its value."""


@pytest.fixture(scope="module")
def store() -> MadeUp:
    return made_up([EXPERIMENTS[name] for name in IDS], SIZES["small"])


def figure_of(experiment: str, name: str) -> Curves:
    (found,) = [f for f in EXPERIMENTS[experiment].figures if f.name == name]
    assert isinstance(found, Curves)
    return found


def sheets(store: MadeUp, experiment: str, name: str) -> dict[str, Sheet]:
    figure = figure_of(experiment, name)
    strengths = ("paper", "strong") if figure.attacked else ("",)
    rows = {p: store.query(figure.query(experiment, p)).to_pylist() for p in strengths}
    return draw_curves(figure, rows)


def panel(sheet: Sheet, data: str) -> Axes:
    assert isinstance(sheet.canvas, Canvas)
    (axes,) = [axes for axes in sheet.canvas.axes if axes.get_title("left") == data]
    return axes


def points(axes: Axes, series: str) -> dict[float, float]:
    """Drawn points, solid and hollow, by β without the horizontal offset."""
    found = {}
    for line in axes.get_lines():
        if line in [*dots(axes, series, "solid"), *dots(axes, series, "hollow")]:
            pairs = zip(line.get_xdata(), line.get_ydata(), strict=True)
            found |= {float(round(x)): float(y) for x, y in pairs}
    return dict(sorted(found.items()))


def named(axes: Axes, title: str) -> list[Any]:
    return [line for line in axes.get_lines() if line.get_label() == title]


def dots(axes: Axes, series: str, kind: str) -> list[Any]:
    """Markers of a kind, whose tooltips begin with the series."""
    found = [line for line in axes.get_lines() if line.get_label().startswith(f"{series}: ")]
    return [line for line in found if line.get_gid().split(" ")[1] == kind]


def averages(store: MadeUp, what: str, where: str) -> dict[float, float]:
    """Means by β, with equal weight per size of model."""
    found = store.query(
        f"SELECT beta, avg(mean) AS mean FROM (SELECT beta, top_size, avg({what}) AS mean "
        f"FROM members JOIN runs USING (run) "
        f"JOIN pairs USING (run) JOIN suites USING (run, suite) WHERE {where} "
        f"GROUP BY beta, top_size) GROUP BY beta ORDER BY beta"
    )
    return dict(zip(found["beta"].to_pylist(), found["mean"].to_pylist(), strict=True))


@pytest.mark.parametrize("strength", ["paper", "strong"])
@pytest.mark.parametrize("series", ["β-TCVAE", "Seatbelt-VAE"])
def test_points_are_the_means_of_the_rows(store, strength, series):
    axes = panel(sheets(store, "fig5", "delta_kl")[strength], "chairs")
    where = (
        f"experiment = 'fig5' AND data = 'chairs' AND series = '{series}' "
        f"AND strength = '{strength}' AND loss = 'latent-kl'"
    )
    assert points(axes, series) == pytest.approx(averages(store, "delta_mean", where))
    (bound,) = named(axes, f"{TRIVIAL.label}, {series}")
    drawn = dict(zip(bound.get_xdata(), bound.get_ydata(), strict=True))
    assert drawn == pytest.approx(averages(store, "bound_mean", where))


def test_pairs_that_some_training_does_not_tell_apart_are_left_out(store):
    axes = panel(sheets(store, "fig3", "gap")["strong"], "chairs")
    where = (
        "experiment = 'fig3' AND data = 'chairs' AND strength = 'strong' AND loss = 'latent-kl' "
        "AND (beta < 10 OR pair <> 3)"
    )
    expected = averages(store, '"gap@0.2"', where)
    assert points(axes, "β-TCVAE") == pytest.approx(expected)
    (blend,) = named(axes, f"{BLEND.label}, β-TCVAE")
    drawn = dict(zip(blend.get_xdata(), blend.get_ydata(), strict=True))
    assert drawn == pytest.approx(averages(store, '"blend_gap@0.2"', where))


def test_intervals_are_those_of_the_rows_and_hollow_where_trainings_are_few(store):
    figure = figure_of("fig5", "gap")
    axes = panel(sheets(store, "fig5", "gap")["strong"], "chairs")
    cells = run_matrices(store.query(figure.query("fig5", "strong")).to_pylist())
    found = {key: cell.estimate() for key, cell in cells.items() if key[0] == "chairs"}
    lines = [line for line in axes.get_lines() if line.get_label().endswith(": 95 % interval")]
    bars = {tuple(line.get_ydata()) for line in lines}
    assert bars == {(e.low, e.high) for e in found.values()}
    (solid,), (hollow,) = dots(axes, "β-TCVAE", "solid"), dots(axes, "β-TCVAE", "hollow")
    assert [round(x) for x in solid.get_xdata()] == [1, 10]
    assert [round(x) for x in hollow.get_xdata()] == [4]
    assert to_hex(hollow.get_markerfacecolor()) == style.PAPER
    assert to_hex(solid.get_markerfacecolor()) == to_hex(solid.get_markeredgecolor())


def test_a_line_is_solid_only_between_points_of_three_trainings():
    rows = [
        ROW | {"x": x, "seed": k, "run": f"{x}{k}", "item": i, "value": x + k + i}
        for x, runs in {1.0: 3, 2.0: 3, 4.0: 1}.items()
        for k in range(runs)
        for i in range(10)
    ]
    sheet = draw_curves(Curves("name", "v", "label"), {"strong": rows})["strong"]
    joined = named(panel(sheet, "p"), "VAE")
    assert [len(line.get_xdata()) for line in joined] == [2, 2]
    assert [line.get_linestyle() for line in joined] == ["-", "--"]


def test_both_strengths_share_their_axes(store):
    paper, strong = (panel(sheet, "faces") for sheet in sheets(store, "fig5", "delta_kl").values())
    assert paper.get_ylim() == strong.get_ylim()
    assert paper.get_xlim() == strong.get_xlim()
    assert paper.get_position().bounds == strong.get_position().bounds


def test_failed_attacks_are_counted(store):
    paper, strong = sheets(store, "fig5", "delta_kl").values()
    # the made-up published attack is six times as high as it need be for β > 4
    assert "4 means of 12 above the trivial bound" in paper.caption
    assert "bound" not in strong.caption


@pytest.mark.parametrize("data", ["chairs", "faces"])
def test_the_published_curve_is_the_published_one(store, data):
    axes = panel(sheets(store, "fig5", "delta_kl")["strong"], data)
    for series, curve in published_curves("fig5.*.delta_kl", data).items():
        (line,) = named(axes, f"published, {series}")
        assert dict(zip(line.get_xdata(), line.get_ydata(), strict=True)) == curve
        assert to_hex(line.get_color()) == style.PUBLISHED
    (ceiling,) = named(axes, "ceiling of any minimum (64×64)")
    assert ceiling.get_ydata()[0] == published_ceiling("fig5.*.delta_kl", data)


def test_nothing_published_is_drawn_on_another_set(store):
    sheet = sheets(store, "fig2", "elbo")[""]  # on chairs, published on celeba
    titles = [line.get_label() for line in panel(sheet, "chairs").get_lines()]
    assert titles
    assert not any(title.startswith("published") for title in titles)
    assert "published" not in sheet.caption


def test_published_numbers_beyond_the_axis_are_arrows(store):
    axes = panel(sheets(store, "fig5", "nll_kl")["strong"], "faces")
    _, high = axes.get_ylim()
    curve = published_curves("fig5.*.nll_kl", "faces")["Seatbelt-VAE"]
    assert min(curve.values()) > high
    (arrows,) = dots(axes, "published, Seatbelt-VAE", "solid")
    assert list(arrows.get_xdata()) == sorted(curve)
    assert set(arrows.get_ydata()) == {high}
    assert "↑ Seatbelt-VAE 1\u202f465 to 4\u202f150" in axes.get_title("right")
    (line,) = named(axes, "published, Seatbelt-VAE")
    assert np.isnan(line.get_ydata()).all()


def test_a_reference_that_is_the_same_for_all_is_one_grey_line(store):
    axes = panel(sheets(store, "fig5", "gap")["strong"], "chairs")
    (copying,) = named(axes, COPY.label)
    assert list(copying.get_ydata()) == pytest.approx([0.8, 0.8])
    assert to_hex(copying.get_color()) == style.MUTED


def test_a_panel_of_one_strength_only_has_no_references_under_the_other():
    row = ROW | {"value": 0.5, "reference_0": 0.8}
    figure = Curves("name", "v", "label", references=(COPY,))
    drawn = draw_curves(figure, {"paper": [row, row | {"panel": "q"}], "strong": [row]})
    assert len(named(panel(drawn["strong"], "p"), COPY.label)) == 1
    assert named(panel(drawn["paper"], "q"), COPY.label)


@pytest.mark.parametrize("value", [None, 0.8])
def test_the_legend_names_only_references_with_a_value(value):
    figure = Curves("name", "v", "label", references=(COPY,))
    rows = {"strong": [ROW | {"value": 0.5, "reference_0": value}]}
    (legend,) = draw_curves(figure, rows)["strong"].canvas.legends
    shown = [text.get_text() for text in legend.get_texts()]
    assert (COPY.label in shown) == (value is not None)


def test_rows_without_numbers_draw_nothing():
    row = ROW | {"value": None}
    assert draw_curves(Curves("name", "v", "label"), {"strong": [row]})["strong"].canvas is None
