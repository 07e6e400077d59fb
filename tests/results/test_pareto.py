"""The Pareto front equals that of a comparison of all pairs of points."""

from hypothesis import given
from hypothesis import strategies as st

from seatbelt_vae.results import pareto_front

COORDINATE = st.integers(-3, 3).map(float) | st.floats(allow_nan=False, allow_infinity=False)
POINTS = st.lists(st.tuples(COORDINATE, COORDINATE), max_size=20)


def dominated(point: tuple[float, float], points: list[tuple[float, float]]) -> bool:
    x, y = point
    return any(a >= x and b >= y and (a > x or b > y) for a, b in points)


@given(POINTS)
def test_a_point_is_on_the_front_unless_dominated(
    points: list[tuple[float, float]],
) -> None:
    assert pareto_front(points) == [not dominated(point, points) for point in points]


def test_equal_points_do_not_dominate_each_other() -> None:
    assert pareto_front([(1.0, 1.0), (1.0, 1.0), (0.0, 1.0)]) == [True, True, False]
    assert pareto_front([]) == []
