"""Means over pairs with bootstrap intervals: the pair is the independent unit.

Rows of one pair share its images and are averaged first; rows are never resampled over λ.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri, stdtrit

from seatbelt_vae.errors import ConfigError, ShapeError
from seatbelt_vae.randomness import resampling_generator

__all__ = [
    "DRAWS",
    "FEWEST",
    "Estimate",
    "MeanKind",
    "check_positive",
    "estimate",
    "expansion",
    "paired_difference",
    "unscale",
]

MeanKind = Literal["arithmetic", "geometric"]

DRAWS = 2000
"""Bootstrap resamples per interval."""

FEWEST = 10
"""Fewest pairs with an interval."""

_TAILS = (0.975, 0.025)  # of a 95 % interval
_UPPER = _TAILS[0]
_NORMAL = float(ndtri(_UPPER))
_INFINITE = 1e6  # a quantile of t* beyond it comes from resamples of equal values

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A mean over pairs and its 95 % interval.

    Args:
        value: the mean; None without pairs.
        low, high: the bootstrap interval, see `estimate`; None below `FEWEST` pairs.
        kind: arithmetic or geometric mean.
        n: number of pairs.
    """

    value: float | None
    low: float | None
    high: float | None
    kind: MeanKind
    n: int


def estimate(
    values: Sequence[float], kind: MeanKind = "arithmetic", *, draws: int = DRAWS, seed: int = 0
) -> Estimate:
    r"""The mean over pairs, with the bootstrap-t interval of ``draws`` resamples.

    ``arithmetic`` is :math:`\bar v=\frac1n\sum_i v_i`, ``geometric``
    :math:`\exp\frac1n\sum_i\log v_i` (0 where any :math:`v_i` is 0). The ends are
    :math:`\bar v - t^*_{1-\alpha}\,s/\sqrt n`, with the standard deviation s and quantiles of
    :math:`t^*=(\bar v^*-\bar v)\sqrt n/s^*` over resamples (Efron 1982; Hall 1988), clipped to
    the range of the values. If these quantiles are infinite, as for values that are nearly all
    equal, an end is that of the expanded :math:`BC_a` interval (Efron 1987; Hesterberg 2015).

    The nominal coverage is 95 %; `docs/rows.md` has the simulated one.

    Args:
        values: one number per pair.
        kind: arithmetic or geometric mean.
        draws: number of resamples.
        seed: seed of the resampling; the same seed resamples the same pairs.

    Raises:
        ConfigError: the geometric mean of a negative number.

    Example:
        >>> estimate([1.0, 3.0])
        Estimate(value=2.0, low=None, high=None, kind='arithmetic', n=2)
    """
    array = np.asarray(values, dtype=np.float64)
    if array.size == 0:
        return Estimate(None, None, None, kind, 0)
    scaled = _scale(array, kind)
    value = unscale(scaled.mean(), kind)
    if array.size < FEWEST:
        return Estimate(value, None, None, kind, array.size)
    chosen = resampling_generator(seed).integers(0, array.size, size=(draws, array.size))
    ends = _ends(scaled, scaled[chosen], kind)
    return Estimate(value, *ends, kind, array.size)


def paired_difference(
    first: Sequence[float],
    second: Sequence[float],
    kind: MeanKind = "arithmetic",
    *,
    draws: int = DRAWS,
    seed: int = 0,
) -> Estimate:
    r"""The difference of two models on the same pairs, :math:`\overline{a_i - b_i}`, or a ratio.

    ``geometric`` gives :math:`\exp\overline{\log a_i - \log b_i}`, the ratio of the geometric
    means. Whole pairs are resampled, so that effects of a pair on both models cancel. Interval and
    coverage: see `estimate`.

    Args:
        first, second: one number per pair, the same pairs in the same order.
        kind: a difference of arithmetic means or a ratio of geometric means.
        draws: number of resamples.
        seed: seed of the resampling.

    Raises:
        ShapeError: different numbers of pairs.
        ConfigError: the ratio of numbers that are not all positive.

    Example:
        >>> paired_difference([3.0, 5.0], [1.0, 2.0]).value
        2.5
    """
    if len(first) != len(second):
        raise ShapeError(
            f"{len(first)} and {len(second)} values, expected the same pairs for both models: "
            f"compare suites with the same pairs and seed"
        )
    a, b = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if kind == "geometric":
        check_positive(a, b)
    effects = a - b if kind == "arithmetic" else a / b
    return estimate(effects.tolist(), kind, draws=draws, seed=seed)


def check_positive(*values: Vector) -> None:
    """Raise a `ConfigError` unless all numbers of a ratio of geometric means are positive."""
    if not all((part > 0).all() for part in values):
        raise ConfigError("ratio of numbers that are not all positive: use the arithmetic kind")


def unscale(mean: float, kind: MeanKind) -> float:
    """A mean of numbers, or the exponential of a mean of logarithms."""
    return float(mean if kind == "arithmetic" else np.exp(mean))


def expansion(sources: Sequence[tuple[float, int]], upper: float = _UPPER) -> float:
    r"""Factor by which an interval is wider than the 95 % quantiles of bootstrap means.

    :math:`\frac{t_{\nu}}{z}\sqrt{\sum_i v_i\frac{n_i}{n_i-1}\big/\sum_i v_i}`, with the upper
    quantile of Student's t and the 97.5 % quantile of the normal distribution. Resampling n things
    underestimates the variance of their mean by :math:`\frac{n-1}{n}`; t accounts for the estimated
    variance. The degrees of freedom :math:`\nu` of several sources are Satterthwaite's (1946). The
    factor is 2.7 for three trainings and 1.2 for ten pairs (Hesterberg 2015).

    Args:
        sources: for each source of variation, the variance of the resampled mean, and the number
            of things that are resampled.
        upper: the quantile of the upper end (default: 97.5 %, of a 95 % interval). Means of few
            things have no quantiles further out.

    Example:
        >>> round(expansion([(1.0, 3)]), 1), round(expansion([(1.0, 10)]), 1)
        (2.7, 1.2)
    """
    total = sum(variance for variance, _ in sources)
    if total <= 0:
        return 1.0
    unbiased = [(variance * n / (n - 1), n - 1) for variance, n in sources]
    whole = sum(variance for variance, _ in unbiased)
    freedom = whole**2 / sum(variance**2 / degrees for variance, degrees in unbiased)
    return float(stdtrit(freedom, upper)) / _NORMAL * math.sqrt(whole / total)


def _ends(values: Vector, resampled: Vector, kind: MeanKind) -> tuple[float, float]:
    """Both ends of the interval, from resamples of the values, :math:`(D, n)`."""
    means = resampled.mean(axis=1)
    # quantiles of the means, not of their logarithms: −∞ cannot be interpolated
    shown = means if kind == "arithmetic" else np.exp(means)
    low, high = np.quantile(shown, _levels(values, means))
    if np.isfinite(values).all() and np.ptp(values) > 0:
        root = math.sqrt(len(values))
        with np.errstate(divide="ignore", invalid="ignore"):  # equal values: s* = 0
            t = (means - values.mean()) * root / resampled.std(axis=1, ddof=1)
        tails = np.quantile(np.nan_to_num(t), _TAILS, method="inverted_cdf")
        studentised = values.mean() - tails * values.std(ddof=1) / root
        clipped = [unscale(end, kind) for end in studentised.clip(values.min(), values.max())]
        bounded = np.abs(tails) < _INFINITE
        low, high = (c if b else e for c, b, e in zip(clipped, bounded, (low, high), strict=True))
    return float(low), float(high)


def _levels(values: Vector, means: Vector) -> Vector:
    """Levels of the quantiles of resampled means that bound the expanded BCa interval."""
    bound = _NORMAL * expansion([(1.0, len(values))])
    ends = np.array([-bound, bound])
    mean = values.mean()
    if np.isinf(mean) or np.ptp(values) == 0:  # a geometric mean of 0, or equal values
        return np.asarray(ndtr(ends))
    deviations = values - mean
    below = (np.mean(means < mean) + np.mean(means <= mean)) / 2
    bias = ndtri(np.clip(below, 1 / len(means), 1 - 1 / len(means)))
    acceleration = np.sum(deviations**3) / (6 * np.sum(deviations**2) ** 1.5)
    moved = bias + ends
    return np.asarray(ndtr(bias + moved / (1 - acceleration * moved)))


def _scale(values: Vector, kind: MeanKind) -> Vector:
    if kind == "arithmetic":
        return values
    if (values < 0).any():
        raise ConfigError(
            f"geometric mean of {values.min():g}, expected no negative number: "
            f"use the arithmetic kind, or subtract the greatest lower bound first"
        )
    with np.errstate(divide="ignore"):  # log 0 = −∞ gives a mean of 0
        scaled: Vector = np.log(values)
    return scaled
