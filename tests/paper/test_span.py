"""The range of an axis."""

import pytest

from seatbelt_vae.report.drawing.axis import span_of


@pytest.mark.parametrize(
    ("ours", "others", "beyond"),
    [
        ([10.0, 12.0], [14.9], 0),
        ([10.0, 12.0], [15.1], 1),
        ([10.0, 12.0], [7.1], 0),
        ([10.0, 12.0], [6.9], -1),
    ],
)
def test_others_are_shown_up_to_one_and_a_half_times_our_range_away(ours, others, beyond):
    assert span_of(ours, others, logarithmic=False).beyond(others[0]) == beyond


@pytest.mark.parametrize(("other", "beyond"), [(1e10, 0), (1e12, 1), (1e-9, 0), (1e-11, -1)])
def test_a_logarithmic_axis_reaches_nine_decades(other, beyond):
    assert span_of([1.0, 10.0], [other], logarithmic=True).beyond(other) == beyond


def test_all_of_ours_is_inside():
    for ours in ([3.0, 4.0], [-5.0, -1.0], [0.0, 2.0], [7.0]):
        span = span_of(ours, [1e9, -1e9], logarithmic=False)
        assert span.low <= min(ours) < max(ours) + 1e-9 < span.high


def test_zero_is_shown_if_it_is_near():
    assert span_of([1.0, 3.0], [], logarithmic=False).low == 0
    assert span_of([2.0, 3.0], [], logarithmic=False).low > 1.8
