"""Curves read back from their SVG: positions are the data's, clipped to honest axes."""

import re
from pathlib import Path

import numpy as np
import pytest
from markupsafe import Markup

from seatbelt_vae.evaluation.distortion_damage import auddc_worst
from seatbelt_vae.report import collect
from seatbelt_vae.report.curves import (
    _density,
    _running_minimum,
    attack_curve,
    budget_curve,
    gauge,
    sigma_density,
    training_curve,
)
from seatbelt_vae.report.summary import summary_rows
from seatbelt_vae.report.svg import Axis, Plot, nice_ticks, power_ticks

LEFT, RIGHT, TOP, BOTTOM = 52, 406, 12, 256


def path(svg: Markup | None, css: str) -> list[tuple[float, float]]:
    """The points of the first line of a class."""
    assert svg is not None
    found = re.search(rf'<path class="{css}" d="M([^"]*)"', svg)
    assert found is not None
    pairs = [point.split(",") for point in found[1].rstrip("Z").split("L")]
    return [(float(x), float(y)) for x, y in pairs]


def test_axes_place_values_linearly_or_by_logarithm() -> None:
    assert Axis("", 2, 4, []).share(3) == 0.5
    assert Axis("", 1, 16, [], logarithmic=True).share(4) == pytest.approx(0.5)


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-300, -80), (0, 2200), (0.02, 0.031)])
def test_ticks_are_round_inside_and_about_five(low: float, high: float) -> None:
    positions = [p for p, _ in nice_ticks(low, high)]
    assert 3 <= len(positions) <= 7
    assert all(low - 1e-9 <= p <= high + 1e-9 for p in positions)
    assert np.diff(positions) == pytest.approx(positions[1] - positions[0])
    assert [text for _, text in power_ticks(2**-10, 16, every=2)][-3:] == ["1", "4", "16"]


def test_text_and_titles_of_a_plot_are_escaped() -> None:
    axis = Axis("<i>", 0, 1, [(0, "<b>")])
    plot = Plot("p", '"><script>', axis, axis)
    plot.dots([(0.5, 0.5)], "m0", 0, ["<script>"])
    plot.line([(0, 0), (1, 1)], "m0", "</title>")
    drawn = plot.render()
    assert "<script>" not in drawn
    assert "<i>" not in drawn
    assert "<b>" not in drawn


def test_the_budget_curve_goes_through_the_mean_gaps(demo: list[Path]) -> None:
    runs = collect(demo)
    measured = runs[1].suites["latent-kl-strong"].measured
    assert measured is not None
    points = path(budget_curve(runs, "latent-kl-strong"), "line m1")
    expected = [(0.0, 1.0)]
    for e in (0.05, 0.1, 0.2, 0.3, 0.5):
        gaps = [row["gap"] for row in measured.budgets if row["epsilon"] == e]
        expected.append((e, float(np.mean(gaps))))
    for (x, y), (epsilon, gap) in zip(points, expected, strict=True):
        assert (x - LEFT) / (RIGHT - LEFT) * 0.52 == pytest.approx(epsilon, abs=1e-3)
        assert (BOTTOM - y) / (BOTTOM - TOP) * 1.05 == pytest.approx(gap, abs=1e-3)


def test_the_attack_curve_lies_below_the_trivial_bound(demo: list[Path]) -> None:
    svg = attack_curve(collect(demo), "latent-kl-strong")
    bound = path(svg, "identity")
    for index in range(3):
        curve = path(svg, f"line m{index}")
        at = np.interp([x for x, _ in curve], [x for x, _ in bound], [y for _, y in bound])
        assert all(y >= b - 0.5 for (_, y), b in zip(curve, at, strict=True)), "y points down"
        assert curve[-1][1] == pytest.approx(BOTTOM - (BOTTOM - TOP) / 1.05, abs=0.1)


def test_the_area_below_the_drawn_curve_is_auddc() -> None:
    draw = np.random.default_rng(0)
    x, y = draw.uniform(0, 1.2, 30), draw.uniform(-0.1, 1.1, 30)
    keys = ("distance_relative", "distortion")
    rows = [dict(zip(keys, (float(a), float(b)), strict=True)) for a, b in zip(x, y, strict=True)]
    grid = np.linspace(0, 1, 20001)
    area = np.trapezoid(_running_minimum(rows, grid), grid)
    assert area == pytest.approx(auddc_worst(x, y).value, abs=1e-3)


def test_training_shows_the_late_elbo_and_clips_the_first_steps(demo: list[Path]) -> None:
    svg = training_curve(collect(demo))
    held_out = path(svg, "line m0")
    assert all(TOP <= y <= BOTTOM for _, y in held_out[4:])
    assert held_out[0][1] > BOTTOM


def test_a_density_is_the_kernel_estimate_scaled_to_one() -> None:
    from scipy.stats import gaussian_kde

    values = np.random.default_rng(1).normal(0.5, 0.1, 400)
    grid = np.linspace(0, 1, 240)
    quartiles = np.subtract(*np.quantile(values, (0.75, 0.25)))
    width = 0.9 * min(values.std(), quartiles / 1.34) * 400**-0.2
    expected = gaussian_kde(values, width / values.std(ddof=1))(grid)
    assert _density(values, grid) == pytest.approx(expected / expected.max(), abs=1e-9)
    constant = _density(np.full(5, 0.5), grid)
    assert np.isfinite(constant).all()


def test_each_layer_has_a_ridge_with_its_name(demo: list[Path]) -> None:
    svg = sigma_density(collect(demo))
    assert svg is not None
    assert re.findall(r">([a-z-]+ z[¹²³])<", svg) == [
        *("vae z¹", "beta-tcvae z¹", "seatbelt z¹", "seatbelt z²", "seatbelt z³"),
    ]


def test_the_gauge_shows_every_pair_and_the_mean(demo: list[Path]) -> None:
    row = summary_rows(collect(demo))[0]
    svg = gauge(row, 0)
    assert svg is not None
    circles = [
        float(x) for x in re.findall(r'<circle class="(?:faint|solid) m0" cx="([\d.]+)"', svg)
    ]
    place = [(x - 14) / (256 - 14) * 1.1 - 0.05 for x in circles]
    assert place == pytest.approx([*(1 - g for g in row["points"]), row["moved"]], abs=1e-3)
    assert gauge(row | {"moved": None}, 0) is None
