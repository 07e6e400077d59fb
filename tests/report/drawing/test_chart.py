"""Charts read back from their SVG: places, tooltips, names, and text that stays text."""

import re

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex

from seatbelt_vae.evaluation.bootstrap import Estimate
from seatbelt_vae.evaluation.two_way_bootstrap import CrossedEstimate
from seatbelt_vae.report.drawing import style
from seatbelt_vae.report.drawing.axis import Axis, power
from seatbelt_vae.report.drawing.chart import Chart
from seatbelt_vae.report.drawing.page_chart import PageChart
from seatbelt_vae.report.drawing.style import look
from seatbelt_vae.report.drawing.svg import inlined, svg
from tests.report.page import Element, tree

HOSTILE = '"><script>alert(1)</script>&$x^2$\x01\udc80'
POINT = 72 / 108
LEFT, RIGHT, TOP, BOTTOM = 52, 406, 12, 256


def chart(**more: bool) -> PageChart:
    x = Axis("quantity", 1, 16, (1, 4, 16), lambda value: power(value, 2), **more)
    return PageChart("name", "title", x, Axis("share", 0, 1))


def places(element: Element) -> list[tuple[float, float]]:
    """Markers as shares of the axes, from the left and from below."""
    found = [use.attributes for use in element.find("use")]
    pixels = [(float(at["x"]) / POINT, float(at["y"]) / POINT) for at in found]
    return [((x - LEFT) / (RIGHT - LEFT), (BOTTOM - y) / (BOTTOM - TOP)) for x, y in pixels]


@pytest.mark.parametrize(("logarithmic", "share"), [(False, 0.2), (True, 0.5)])
def test_axes_place_values_linearly_or_by_logarithm(logarithmic: bool, share: float) -> None:
    drawn = chart(logarithmic=logarithmic)
    drawn.dots([(4, 0.25), (1, 0), (16, 1)], "solid", look(0))
    found = places(tree(drawn.render()).one("g", data_part="solid m0"))
    np.testing.assert_allclose(found, [(share, 0.25), (0, 0), (1, 1)], atol=1e-3)


def test_points_outside_the_axes_are_left_out_with_their_tooltips() -> None:
    drawn = chart()
    drawn.dots([(0, 0.5), (2, 0.5), (3, 1.5), (4, 0.5)], "faint", look(1), ["a", "b", "c", "d"])
    group = tree(drawn.render()).one("g", data_part="faint m1")
    assert [use.one("title").text for use in group.find("use")] == ["b", "d"]


def test_text_and_tooltips_are_inert_and_shown_as_they_are() -> None:
    x = Axis(style.verbatim(HOSTILE), 0, 1, (0.5,), lambda _: style.verbatim(HOSTILE))
    drawn = PageChart("p", HOSTILE, x, x)
    drawn.dots([(0.5, 0.5)], "solid", look(0), [HOSTILE])
    drawn.line([(0, 0), (1, 1)], "identity", title=HOSTILE)
    drawn.names([(0.5, 0.5)], [HOSTILE], [])
    source = drawn.render()
    assert "<script>" not in source
    root = tree(source)
    texts = [text.text for text in root.find("text")]
    shown = '"><script>alert(1)</script>&$x^2$\ufffd\ufffd'
    assert texts.count(shown) == 5
    assert [title.text for title in root.find("title")] == [shown] * 2
    assert root.one("svg").attributes["aria-label"] == HOSTILE


def test_names_are_beside_their_points_in_pixels() -> None:
    drawn = chart()
    drawn.names([(8.5, 0.5)], ["vae"], [])
    at = tree(drawn.render()).one("g", data_part="name").one("text").attributes
    x, y = (float(at[key]) / POINT for key in ("x", "y"))
    middle = ((LEFT + RIGHT) / 2, (TOP + BOTTOM) / 2)
    assert (x - middle[0], y - middle[1]) == pytest.approx((9, 4), abs=0.1)


def test_bands_and_lines_have_their_models_colour() -> None:
    drawn = chart()
    drawn.band([(2, 0.1), (4, 0.2)], [(2, 0.3), (4, 0.4)], "band", look(2))
    drawn.line([(2, 0.2), (4, 0.3)], "line", look(2), "vae")
    drawn.line([(2, 0.2), (4, 0.3)], "identity")
    root = tree(drawn.render())
    assert "fill: var(--m2)" in root.one("g", data_part="band m2").one("path").attributes["style"]
    assert "var(--m2)" in root.one("g", data_part="line m2").one("path").attributes["style"]
    assert "var(--muted)" in root.one("g", data_part="identity").one("path").attributes["style"]


def test_a_band_spans_the_intervals_and_the_line_the_means() -> None:
    ends = {4.0: (0.1, 0.2, 0.4), 8.0: (0.3, 0.5, 0.6)}
    curve = {x: Estimate(v, low, high, "arithmetic", 12) for x, (low, v, high) in ends.items()}
    drawn = chart()
    drawn.means(curve, look(0), "vae", start=(1.0, 1.0))
    root = tree(drawn.render())

    def corners(kind: str) -> set[tuple[float, float]]:
        path = root.one("g", data_part=f"{kind} m0").one("path").attributes["d"]
        found = re.findall(r"[ML] (\S+) (\S+)", path)
        across, up = RIGHT - LEFT, BOTTOM - TOP
        return {
            (
                round(1 + 15 * (float(x) / POINT - LEFT) / across, 2),
                round((BOTTOM - float(y) / POINT) / up, 3),
            )
            for x, y in found
        }

    assert corners("band") == {(1, 1), (4, 0.1), (4, 0.4), (8, 0.3), (8, 0.6)}
    assert corners("line") == {(1, 1), (4, 0.2), (8, 0.5)}


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-300, -80), (0, 2200), (0.02, 0.031)])
def test_ticks_are_round_inside_and_about_five(low: float, high: float) -> None:
    axes = style.canvas(2, 2).add_subplot()
    Axis("", low, high).apply(axes, "x")
    assert isinstance(axes, Axes)
    found = [t for t in axes.xaxis.get_majorticklocs() if low - 1e-9 <= t <= high + 1e-9]
    assert 3 <= len(found) <= 6
    assert np.diff(found) == pytest.approx(found[1] - found[0])
    digits = f"{found[1] - found[0]:e}".split("e")[0].rstrip("0")
    assert digits in ("1.", "2.", "2.5", "5.")


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (1, 1e10, [1, 1e2, 1e4, 1e6, 1e8, 1e10]),
        (3, 8e5, [1e1, 1e2, 1e3, 1e4, 1e5]),
        (2, 60, [2, 5, 10, 20, 50]),
    ],
)
def test_ticks_of_a_logarithmic_axis_are_powers_of_ten(
    low: float, high: float, ticks: list[float]
) -> None:
    axes = style.canvas(2, 2).add_subplot()
    Axis("", low, high, logarithmic=True).apply(axes, "y")
    found = [t for t in axes.yaxis.get_majorticklocs() if low <= t <= high]
    assert found == pytest.approx(ticks)


def test_an_interval_is_a_line_at_its_position() -> None:
    found = Estimate(0.5, 0.25, 0.75, "arithmetic", 12)
    drawn = chart()
    assert drawn.interval(found, "whisker", look(0), x=4) == [(4, 0.25), (4, 0.75)]
    assert drawn.interval(found, "interval", look(0), y=0.5) == [(0.25, 0.5), (0.75, 0.5)]
    unknown = Estimate(0.5, None, None, "arithmetic", 3)
    assert drawn.interval(unknown, "whisker", look(0), x=4) == []
    vertical, horizontal = drawn.axes.get_lines()
    assert list(vertical.get_xdata()) == [4, 4]
    assert list(horizontal.get_ydata()) == [0.5, 0.5]


def test_crossed_means_are_moved_by_the_dodge_but_not_their_tooltips() -> None:
    curve = {
        x: CrossedEstimate(y, None, None, "arithmetic", 3, 5) for x, y in ((2.0, 0.3), (4.0, 0.6))
    }
    drawn = chart()
    drawn.crossed_means(curve, look(0), "vae", dodge=0.5)
    line, solid, hollow = drawn.axes.get_lines()
    for shown in (line, solid):
        assert list(shown.get_xdata()) == [2.5, 4.5]
        assert list(shown.get_ydata()) == [0.3, 0.6]
    assert solid.get_label() == "vae: 0.3 at 2\nvae: 0.6 at 4"
    assert len(hollow.get_xdata()) == 0


def test_marks_of_several_charts_keep_their_tooltips_in_the_file() -> None:
    figure = style.canvas(4, 2)
    for k, axes in enumerate(figure.subplots(1, 2)):
        drawn = Chart(axes, Axis("", 0, 1), Axis("", 0, 1))
        for y in (0.2, 0.8):
            drawn.dots([(0.5, y)], "solid", titles=[f"dot {k} at {y}"])
    drawing = svg(figure, "salt")
    ids = re.findall(rb' id="([^"]+)"', drawing)
    assert len(ids) == len(set(ids))
    expected = [f"dot {k} at {y}" for k in (0, 1) for y in (0.2, 0.8)]
    for source in (drawing.decode(), inlined(drawing, "name")):
        assert re.findall("<title>(.*?)</title>", source) == expected


def test_a_file_has_text_no_date_and_the_same_bytes_and_an_element_has_no_address() -> None:
    def drawn() -> bytes:
        figure = style.canvas(3, 2)
        axes = figure.add_subplot()
        style.tidy(axes, "words")
        axes.plot([0, 1], [0, 1], color=style.INK, marker="o", gid="an artist")
        return svg(figure, "salt")

    source = drawn()
    assert source == drawn()
    assert b">words</text>" in source
    assert b"date" not in source
    element = inlined(source, "its name")
    assert not re.search(r"https?:|<style|<metadata|font-family|an artist|#[0-9a-f]{6}\b", element)
    root = tree(element)
    ids = {e.attributes["id"] for e in root.find("path") if "id" in e.attributes}
    assert {use.attributes["href"][1:] for use in root.find("use")} <= ids
    assert root.one("svg").attributes["role"] == "img"


def test_every_colour_of_the_palette_has_a_variable_of_the_page() -> None:
    from importlib.resources import files

    css = (files("seatbelt_vae.report") / "templates" / "report.css").read_text()
    defined = set(re.findall(r"--(\w+): light-dark", css))
    assert set(style.THEME.values()) <= defined
    assert {to_hex(colour) for colour in style.THEME} == set(style.THEME)
