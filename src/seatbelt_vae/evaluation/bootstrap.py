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

_UPPER = 0.975  # of a 95 % interval
_NORMAL = float(ndtri(_UPPER))

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
    r"""The mean over pairs, with the expanded :math:`BC_a` interval of ``draws`` resamples.

    ``arithmetic`` is :math:`\frac1n\sum_i v_i`, ``geometric`` :math:`\exp\frac1n\sum_i\log v_i`
    (0 where any :math:`v_i` is 0). The ends are quantiles of the resampled means, which lie in the
    range of the values. Their levels are :math:`\Phi(z_0 + w/(1 - a w))` with
    :math:`w = z_0 \mp z\,e`. The term :math:`z_0` corrects the bias, :math:`a` the skewness (Efron
    1987), and the `expansion` e the small number of pairs.

    The nominal coverage is 95 %. Simulated, at 10, 20 and 40 pairs, it is 94, 95 and 94 % for
    normal values and for geometric means of log-normal ones. For arithmetic means, it is 92, 94 and
    94 % for exponential values, and 88, 90 and 91 % for log-normal ones (σ = 1).

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
    means = scaled[chosen].mean(axis=1)
    levels = _levels(scaled, means)
    # quantiles of the means, not of their logarithms: −∞ cannot be interpolated
    low, high = np.quantile(means if kind == "arithmetic" else np.exp(means), levels)
    return Estimate(value, float(low), float(high), kind, array.size)


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


def expansion(sources: Sequence[tuple[float, int]]) -> float:
    r"""Factor by which a 95 % interval is wider than the quantiles of bootstrap means.

    :math:`\frac{t_{\nu}}{z}\sqrt{\sum_i v_i\frac{n_i}{n_i-1}\big/\sum_i v_i}`, with the 97.5 %
    quantiles of Student's t and of the normal distribution. Resampling n things underestimates the
    variance of their mean by :math:`\frac{n-1}{n}`; t accounts for the estimated variance.
    The degrees of freedom :math:`\nu` of several sources are Satterthwaite's (1946). The factor is
    2.7 for three trainings and 1.2 for ten pairs (Hesterberg 2015).

    Args:
        sources: for each source of variation, the variance of the resampled mean, and the number
            of things that are resampled.

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
    return float(stdtrit(freedom, _UPPER)) / _NORMAL * math.sqrt(whole / total)


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
