"""The descents that an effort allows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatbelt_vae.auditing.goals import GOALS
from seatbelt_vae.auditing.schedule import Schedule, first_losses, schedule_of

GAP, CODE_GAP, DAMAGE = GOALS


@pytest.mark.parametrize(
    ("goal", "effort", "expected"),
    [
        (GAP, 1, Schedule(0, 4, 4, 8, 2, False, 100, 20)),
        (CODE_GAP, 1, Schedule(0, 3, 4, 8, 2, False, 60, 30)),
        (DAMAGE, 1, Schedule(2, 4, 4, 8, 2, False, 80, 10)),
        (GAP, 0.5, Schedule(0, 2, 2, 8, 1, False, 100, 20)),
        # 0.1 · (8 · 8 + 2 · 120) = 30 evaluations, 25 of them annealed
        (GAP, 0.1, Schedule(0, 0, 0, 8, 1, False, 25, 5)),
        # 0.1 · (12 · 8 + 2 · 90) = 28 from the input, without random starts
        (DAMAGE, 0.1, Schedule(0, 0, 0, 8, 1, True, 25, 3)),
        # twice as many of twice the length, and what the fewer short ones leave
        (GAP, 4, Schedule(0, 8, 8, 8, 4, False, 227, 45)),
    ],
)
def test_number_and_length_of_descents(goal, effort, expected):
    assert schedule_of(goal, 5, effort) == expected


@given(st.sampled_from(GOALS), st.integers(1, 8), st.floats(0.03, 9))
def test_the_evaluations_grow_with_the_effort(goal, width, effort):
    found, whole = schedule_of(goal, width, effort), schedule_of(goal, width, 1)
    # two lengths are rounded
    assert abs(found.total - effort * whole.total) <= found.finals + 1


@pytest.mark.parametrize(
    ("effort", "expected"),
    [
        (0.01, (["a"], 8)),
        (0.5, (["a", "b"], 8)),
        (1, (["a", "b", "c", "d"], 8)),
        (2, (list("abcd"), 16)),
    ],
)
def test_below_effort_1_fewer_losses_descend_first(effort, expected):
    assert first_losses(["a", "b", "c", "d"], effort) == expected
