"""Axes: range, round ticks and tick labels."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import (
    FixedLocator,
    FuncFormatter,
    Locator,
    LogLocator,
    MaxNLocator,
    NullLocator,
)

from seatbelt_vae.evaluation.bootstrap import Estimate
from seatbelt_vae.evaluation.two_way_bootstrap import CrossedEstimate
from seatbelt_vae.report.drawing.style import name_axes

__all__ = ["Axis", "Mean", "plain", "power", "reach", "span_of", "superscript"]

Mean = Estimate | CrossedEstimate

_DECADES = 9
_TIMES = 1.5


@dataclass(frozen=True)
class Axis:
    """One axis of a plot.

    Args:
        label: quantity and unit.
        low, high: the range.
        ticks: tick positions (default: round numbers).
        write: formats a tick label (default: `power` on a logarithmic axis, else `plain`).
        logarithmic: whether the scale is logarithmic.
    """

    label: str
    low: float
    high: float
    ticks: Sequence[float] | None = None
    write: Callable[[float], str] | None = None
    logarithmic: bool = False

    def beyond(self, value: float) -> int:
        """-1 for a value below the range, 1 above it, 0 inside."""
        return int(value > self.high) - int(value < self.low)

    def apply(self, axes: Axes, which: Literal["x", "y"]) -> None:
        """Set label, range, scale and ticks; default ticks make at most five intervals."""
        axis = axes.xaxis if which == "x" else axes.yaxis
        text = self.write or (power if self.logarithmic else plain)
        ticks: Locator = MaxNLocator(5, steps=[1, 2, 2.5, 5, 10])
        if self.logarithmic:
            axes.set(**{f"{which}scale": "log"})
            axis.set_minor_locator(NullLocator())
            between = (1, 2, 5) if self.high < 100 * self.low else (1,)
            ticks = LogLocator(10, between, numticks=7)
        axis.set_major_locator(ticks if self.ticks is None else FixedLocator(list(self.ticks)))
        axis.set_major_formatter(FuncFormatter(lambda value, _: text(value)))
        axes.set(**{f"{which}lim": (self.low, self.high)})
        name_axes(axes, **{which: self.label})


def reach(estimates: Iterable[Mean]) -> list[float]:
    """The means and the ends of the intervals, as far as known."""
    return [v for one in estimates for v in (one.value, one.low, one.high) if v is not None]


def span_of(ours: Sequence[float], others: Sequence[float], *, logarithmic: bool) -> Axis:
    """An axis over all of our values and the other values near them.

    Other values are left out if they are further away than 1.5 times our range (linear), or nine
    decades (logarithmic).

    Args:
        ours: values inside the range; positive if the axis is logarithmic.
        others: values that may be outside the range.
        logarithmic: whether the scale is logarithmic.

    Example:
        >>> span_of([0.0, 2.0], [100.0], logarithmic=False).beyond(100.0)
        1
        >>> span_of([1.0, 10.0], [1e9], logarithmic=True).beyond(1e9)
        0
    """
    scale = np.log10 if logarithmic else np.asarray
    low, high = float(scale(ours).min()), float(scale(ours).max())
    if not logarithmic and 0 <= low < high / 2:
        low = 0.0
    far = _DECADES if logarithmic else _TIMES * (high - low)
    near = [v for v in scale(others).tolist() if low - far <= v <= high + far]
    low, high = min([low, *near]), max([high, *near])
    room = 0.07 * (high - low) or (0.5 if logarithmic else 0.05 * abs(high) or 1.0)
    low, high = (low - room if logarithmic or low != 0 else low), high + room
    if logarithmic:
        low, high = 10**low, 10**high
    return Axis("", low, high, logarithmic=logarithmic)


def power(value: float, base: int = 10) -> str:
    """A tick label of a logarithmic axis: plain digits near 1, else a power of ``base``.

    Example:
        >>> power(1e5), power(200.0), power(0.01), power(0.25, 2), power(16.0, 2)
        ('10⁵', '200', '0.01', '2⁻²', '16')
    """
    exponent = round(math.log(value, base))
    near = range(-3, 3) if base == 10 else range(5)
    if exponent in near or not math.isclose(value, float(base) ** exponent):
        return plain(value)
    return f"{base}{superscript(exponent)}"


def superscript(number: int) -> str:
    """A whole number in superscript."""
    return str(number).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def plain(value: float) -> str:
    """A number with a true minus sign and thin spaces between thousands.

    Example:
        >>> plain(-12345.0), plain(0.25)
        ('−12\u202f345', '0.25')
    """
    return f"{value:,.6g}".replace("-", "−").replace(",", "\u202f")
