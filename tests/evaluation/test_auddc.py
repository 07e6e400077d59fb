"""AUDDC of polygons computed by hand, and its inequalities."""

import math
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatbelt_vae.evaluation.distortion_damage import auddc, auddc_worst


@pytest.mark.parametrize(
    ("x", "y", "area"),
    [
        ([], [], 1.0),  # (0, 1) and (1, 1): nothing moved
        ([0.5], [0.5], 0.625),  # ¾·½ + ½·½
        ([1.0], [0.0], 0.5),  # the target image itself: one triangle
        ([0.75, 0.25], [0.0, 0.5], 0.3125),  # ¼·¾ + ½·¼ + 0
        ([0.5, 0.5], [0.8, 0.2], 0.55),  # tie: .2 before .8, then (1, .2): ½·.6 + ½·.5
        ([0.0], [0.4], 0.7),  # tie at 0: .4 before the added 1, then (1, .4)
        ([0.5], [-0.5], -0.125),  # overshoot: ½·¼ − ½·½
    ],
)
def test_area_of_hand_computed_polygons(x: list[float], y: list[float], area: float) -> None:
    assert auddc(x, y).value == pytest.approx(area)


def test_attacks_beyond_the_target_are_dropped_and_counted() -> None:
    found = auddc([0.5, 1.2, 3.0], [0.5, -9.0, -9.0])
    assert found.value == pytest.approx(0.625)
    assert found.dropped == 2


def test_the_target_is_kept_up_to_rounding() -> None:
    found = auddc([1 + 1e-8], [0.0])
    assert found.dropped == 0
    assert found.value == pytest.approx(0.5)


def test_running_minimum_on_a_polygon() -> None:
    # (0, 1), (¼, ½), (½, ½ instead of ¾), (1, ½)
    assert auddc_worst([0.25, 0.5], [0.5, 0.75]).value == pytest.approx(0.25 * 0.75 + 0.75 * 0.5)
    assert auddc([0.25, 0.5], [0.5, 0.75]).value == pytest.approx(
        0.25 * 0.75 + 0.25 * 0.625 + 0.5 * 0.625
    )


points = st.lists(
    st.tuples(st.floats(0, 1.5), st.floats(-0.5, 1.5)), max_size=8, unique_by=lambda p: p[0]
)


@given(points)
@settings(max_examples=60, deadline=None)
def test_worst_is_never_above_the_published_area_and_more_attacks_never_raise_it(
    known: list[tuple[float, float]],
) -> None:
    x, y = [p[0] for p in known], [p[1] for p in known]
    assert auddc_worst(x, y).value <= auddc(x, y).value + 1e-12
    assert auddc_worst(x, y).dropped == auddc(x, y).dropped == sum(v > 1 + 1e-6 for v in x)


@given(points)
@settings(max_examples=60, deadline=None)
def test_area_equals_a_sum_over_segments(known: list[tuple[float, float]]) -> None:
    curve = sorted([(0.0, 1.0), *((min(x, 1.0), y) for x, y in known if x <= 1 + 1e-6)])
    curve.append((1.0, min(y for _, y in curve)))
    area = math.fsum((b[0] - a[0]) * (a[1] + b[1]) / 2 for a, b in pairwise(curve))
    assert auddc([p[0] for p in known], [p[1] for p in known]).value == pytest.approx(area)
