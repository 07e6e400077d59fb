"""AUDDC: the area under the curve of output distortion against input distortion."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Area", "auddc", "auddc_worst"]

_ROUNDING = 1e-6


@dataclass(frozen=True)
class Area:
    """An area under a distortion curve; a larger one is more robust.

    Args:
        value: the area.
        dropped: attacks with a distortion larger than the distance to the target image.
    """

    value: float
    dropped: int


def auddc(x: Sequence[float], y: Sequence[float]) -> Area:
    r"""The published area (Gondim-Ribeiro et al. 2018): trapezoids through all attacks.

    Points with :math:`X > 1` are dropped and counted, :math:`(0, 1)` is added, points are sorted
    by :math:`X` (ties by :math:`Y`) and :math:`(1, \min Y)` is appended.

    Args:
        x: :math:`\|x^*-x\|/\|x_t-x\|` of each attack.
        y: its distortion, see `Pair.distortion`.

    Example:
        >>> auddc([0.5], [0.5]).value  # (0, 1), (½, ½), (1, ½)
        0.625
    """
    x_kept, y_kept, dropped = _curve(x, y)
    return Area(_closed_area(x_kept, y_kept), dropped)


def auddc_worst(x: Sequence[float], y: Sequence[float]) -> Area:
    r"""The area under the running minimum of the distortion, the best attack within each budget.

    As `auddc`, with every :math:`Y` replaced by the smallest up to its :math:`X`. The points are
    joined by trapezoids, so the area is at most that of the step envelope and that of `auddc`.

    Args:
        x: relative distances of the attacks and of the candidates of the matched budgets.
        y: their distortions.

    Example:
        >>> auddc_worst([0.5, 0.75], [0.0, 0.9]).value
        0.25
    """
    x_kept, y_kept, dropped = _curve(x, y)
    return Area(_closed_area(x_kept, np.minimum.accumulate(y_kept)), dropped)


def _curve(
    x: Sequence[float], y: Sequence[float]
) -> tuple[NDArray[np.float64], NDArray[np.float64], int]:
    xs, ys = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    within = xs <= 1 + _ROUNDING  # the target image itself lies at 1 up to rounding
    kept_x = np.append(0.0, np.minimum(xs[within], 1.0))
    kept_y = np.append(1.0, ys[within])
    order = np.lexsort((kept_y, kept_x))
    return kept_x[order], kept_y[order], int((~within).sum())


def _closed_area(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    return float(np.trapezoid(np.append(y, y.min()), np.append(x, 1.0)))
