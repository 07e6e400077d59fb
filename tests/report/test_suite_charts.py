"""Curves read back from their SVG: positions are the data's, clipped to honest axes."""

import re
from pathlib import Path

import numpy as np
import pytest
from markupsafe import Markup

from seatbelt_vae.evaluation.distortion_damage import auddc_worst
from seatbelt_vae.report import collect
from seatbelt_vae.report.html import _content
from seatbelt_vae.report.suite_charts import (
    _running_minimum,
    attack_curve,
    budget_curve,
    gauge,
    sigma_density,
    training_curve,
)
from seatbelt_vae.report.summary import summary_rows
from tests.report.page import Element, tree

LEFT, RIGHT, TOP, BOTTOM = 52, 406, 12, 256
PIXEL = 108 / 72


def part(svg: Markup | None, name: str) -> Element:
    """The first element of a part."""
    assert svg is not None
    return tree(svg).one("g", data_part=name)


def path(svg: Markup | None, name: str) -> list[tuple[float, float]]:
    """The points of a line, pixels."""
    points = re.findall(r"[ML] (\S+) (\S+)", part(svg, name).one("path").attributes["d"])
    return [(float(x) * PIXEL, float(y) * PIXEL) for x, y in points]


def titles(element: Element) -> list[str]:
    return [title.text for title in element.find("title")]


def test_the_budget_curve_goes_through_the_mean_gaps(demo: list[Path]) -> None:
    runs = collect(demo)
    measured = runs[1].suites["latent-kl-strong"].measured
    assert measured is not None
    svg = budget_curve(runs, "latent-kl-strong")
    points = path(svg, "line m1")
    expected = [(0.0, 1.0)]
    for e in (0.05, 0.1, 0.2, 0.3, 0.5):
        gaps = [row["gap"] for row in measured.budgets if row["epsilon"] == e]
        expected.append((e, float(np.mean(gaps))))
    for (x, y), (epsilon, gap) in zip(points, expected, strict=True):
        assert (x - LEFT) / (RIGHT - LEFT) * 0.52 == pytest.approx(epsilon, abs=1e-3)
        assert (BOTTOM - y) / (BOTTOM - TOP) * 1.05 == pytest.approx(gap, abs=1e-3)
    assert titles(part(svg, "line m1")) == ["beta-tcvae"]
    said = [f"beta-tcvae: {gap:.3g} at {epsilon:.3g}" for epsilon, gap in expected[1:]]
    assert titles(part(svg, "solid m1")) == said
    assert titles(part(svg, "identity")) == ["1 − ε: a model that copies its input"]


def test_the_certificate_is_a_line_of_the_budget_curve(demo: list[Path]) -> None:
    runs = collect(demo)
    measured = runs[1].suites["latent-kl-strong"].measured
    assert measured is not None
    assert "certificate" not in str(budget_curve(runs, "latent-kl-strong"))
    assert not _content(runs)["has_certificates"]
    for row in measured.budgets:
        row["certified_gap"] = 1 - 1.5 * row["epsilon"]
    svg = budget_curve(runs, "latent-kl-strong")
    points = path(svg, "ceiling m1")
    for (x, y), epsilon in zip(points, (0, 0.05, 0.1, 0.2, 0.3, 0.5), strict=True):
        assert (x - LEFT) / (RIGHT - LEFT) * 0.52 == pytest.approx(epsilon, abs=1e-3)
        assert (BOTTOM - y) / (BOTTOM - TOP) * 1.05 == pytest.approx(1 - 1.5 * epsilon, abs=1e-3)
    assert titles(part(svg, "ceiling m1")) == ["beta-tcvae: certificate, no attack gets below"]
    assert _content(runs)["has_certificates"]


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


def test_each_layer_has_a_ridge_with_its_name(demo: list[Path]) -> None:
    svg = sigma_density(collect(demo))
    assert svg is not None
    texts = [text.text for text in tree(svg).find("text")]
    assert [text for text in texts if text.endswith(("z¹", "z²", "z³"))] == [
        *("vae z¹", "beta-tcvae z¹", "seatbelt z¹", "seatbelt z²", "seatbelt z³"),
    ]
    for index, (name, layers) in enumerate([("vae", 1), ("beta-tcvae", 1), ("seatbelt", 3)]):
        lines = list(tree(svg).find("g", data_part=f"line m{index}"))
        said = [titles(line)[0].split(": median")[0] for line in lines]
        assert said == [f"{name}, layer {layer + 1}" for layer in range(layers)]


def test_the_gauge_shows_every_pair_and_the_mean(demo: list[Path]) -> None:
    row = summary_rows(collect(demo))[0]
    svg = gauge(row, 0)
    assert svg is not None
    marks = [use for name in ("faint m0", "solid m0") for use in part(svg, name).find("use")]
    place = [(float(use.attributes["x"]) * PIXEL - 14) / (256 - 14) * 1.1 - 0.05 for use in marks]
    moved = [*(1 - g for g in row["points"]), row["moved"]]
    assert place == pytest.approx(moved, abs=1e-3)
    assert [title for use in marks for title in titles(use)] == [
        *(f"one pair: {100 * share:.0f} %" for share in moved[:-1]),
        f"mean: {100 * row['moved']:.0f} %",
    ]
    assert gauge(row | {"moved": None}, 0) is None
