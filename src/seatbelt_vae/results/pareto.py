"""The Pareto front of points in two dimensions."""

from collections.abc import Sequence

__all__ = ["pareto_front"]


def pareto_front(points: Sequence[tuple[float, float]]) -> list[bool]:
    r"""Whether each point is on the Pareto front, that is, not dominated by another point.

    Larger is better. A point q dominates p if :math:`q_i \geq p_i` for both i and :math:`q_i > p_i`
    for one; equal points do not dominate each other.

    Args:
        points: pairs of finite numbers.

    Example:
        >>> pareto_front([(1.0, 3.0), (2.0, 2.0), (1.0, 2.0), (3.0, 1.0)])
        [True, True, False, True]
    """
    ordered = sorted(set(points), reverse=True)
    front = set()
    highest = float("-inf")
    for x, y in ordered:
        if y > highest:
            front.add((x, y))
            highest = y
    return [point in front for point in points]
