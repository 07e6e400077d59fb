"""The range of an axis: all of our values, and others as far as they do not dwarf ours."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["Span", "span_of"]

_DECADES = 9
_TIMES = 1.5


@dataclass(frozen=True)
class Span:
    """The range of an axis.

    Args:
        low, high: its ends.
        logarithmic: whether the scale is.
    """

    low: float
    high: float
    logarithmic: bool

    @property
    def ends(self) -> tuple[float, float]:
        """Low and high."""
        return self.low, self.high

    def beyond(self, value: float) -> int:
        """-1 below the axis, 1 above it, 0 on it."""
        return int(value > self.high) - int(value < self.low)


def span_of(ours: Sequence[float], others: Sequence[float], *, logarithmic: bool) -> Span:
    """The range of all our values and of the others near them.

    Others further away than one and a half times our own range, or nine decades, are beyond it.

    Args:
        ours: values that must be seen; positive if the axis is logarithmic.
        others: values that may lie beyond.
        logarithmic: whether the scale is.

    Example:
        >>> span_of([0.0, 2.0], [100.0], logarithmic=False).beyond(100.0)
        1
        >>> span_of([1.0, 10.0], [1e9], logarithmic=True).beyond(1e9)
        0
    """
    own = np.log10(ours) if logarithmic else np.asarray(ours, dtype=np.float64)
    beside = np.log10(others) if logarithmic else np.asarray(others, dtype=np.float64)
    low, high = float(own.min()), float(own.max())
    if not logarithmic and 0 <= low < high / 2:
        low = 0.0
    reach = _DECADES if logarithmic else _TIMES * (high - low)
    near = [v for v in beside.tolist() if low - reach <= v <= high + reach]
    low, high = min([low, *near]), max([high, *near])
    room = 0.07 * (high - low) or (0.5 if logarithmic else 0.05 * abs(high) or 1.0)
    low, high = (low - room if logarithmic or low != 0 else low), high + room
    return Span(*((10**low, 10**high) if logarithmic else (low, high)), logarithmic)
