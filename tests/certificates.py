"""The shared assertion of certificates: no attack of a test gets below them."""

from collections.abc import Iterable, Mapping
from typing import Any

_ROUNDING = 1e-5  # of float32 reconstructions


def assert_certified(rows: Iterable[Mapping[str, Any]]) -> None:
    """Every row that has a gap and a certificate: the gap is not below it, and some row has both.

    Args:
        rows: rows of ``budgets/`` (``gap``, ``certified_gap``) or of ``audit/worst`` (``value``,
            ``certified``).
    """
    names = (("gap", "certified_gap"), ("value", "certified"))
    both = [
        (row[gap], row[bound])
        for row in rows
        for gap, bound in names
        if row.get(gap) is not None and row.get(bound) is not None
    ]
    assert both
    for gap, bound in both:
        assert gap >= bound - _ROUNDING
