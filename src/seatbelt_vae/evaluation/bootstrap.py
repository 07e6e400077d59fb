"""Means over pairs with percentile bootstrap intervals: the pair is the independent unit.

Rows of one pair share its images and are averaged first; never resample over λ.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from seatbelt_vae.errors import ConfigError, ShapeError
from seatbelt_vae.randomness import resampling_generator

__all__ = ["DRAWS", "FEWEST", "Estimate", "Kind", "estimate", "paired_difference"]

Kind = Literal["arithmetic", "geometric"]

DRAWS = 2000
"""Bootstrap resamples of an interval."""

FEWEST = 10
"""Pairs below which no interval is given: the points themselves say more."""

_LEVEL = 0.95


@dataclass(frozen=True)
class Estimate:
    """A mean over pairs and its 95 % interval.

    Args:
        value: the mean; None of no pairs at all.
        low, high: the percentile bootstrap interval; None below `FEWEST` pairs.
        kind: which mean.
        n: how many pairs.
    """

    value: float | None
    low: float | None
    high: float | None
    kind: Kind
    n: int


def estimate(
    values: Sequence[float], kind: Kind = "arithmetic", *, draws: int = DRAWS, seed: int = 0
) -> Estimate:
    r"""The mean over pairs, with the percentile interval of ``draws`` resamples of the pairs.

    ``arithmetic`` is :math:`\frac1n\sum_i v_i`, ``geometric`` :math:`\exp\frac1n\sum_i\log v_i`
    (0 where any :math:`v_i` is 0). The same seed resamples the same pairs (Efron 1979).

    Args:
        values: one number a pair.
        kind: which mean.
        draws: resamples.
        seed: seed of the resampling.

    Raises:
        ConfigError: the geometric mean of a negative number.

    Example:
        >>> estimate([1.0, 3.0])
        Estimate(value=2.0, low=None, high=None, kind='arithmetic', n=2)
    """
    array = np.asarray(values, dtype=np.float64)
    if array.size == 0:
        return Estimate(None, None, None, kind, 0)
    means = _scale(array, kind)
    if array.size < FEWEST:
        return Estimate(_unscale(means.mean(), kind), None, None, kind, array.size)
    chosen = resampling_generator(seed).integers(0, array.size, size=(draws, array.size))
    tail = (1 - _LEVEL) / 2
    resampled = means[chosen].mean(axis=1)
    low, high = (_quantile(resampled, q, kind) for q in (tail, 1 - tail))
    return Estimate(_unscale(means.mean(), kind), low, high, kind, array.size)


def paired_difference(
    first: Sequence[float],
    second: Sequence[float],
    kind: Kind = "arithmetic",
    *,
    draws: int = DRAWS,
    seed: int = 0,
) -> Estimate:
    r"""How two models differ on the same pairs: :math:`\overline{a_i - b_i}`, or a ratio.

    ``geometric`` gives :math:`\exp\overline{\log a_i - \log b_i}`, the ratio of the geometric
    means. Resampling whole pairs keeps what a pair does to both models out of the interval.

    Args:
        first, second: one number a pair, the same pairs in the same order.
        kind: a difference of arithmetic or a ratio of geometric means.
        draws: resamples.
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
    if kind == "arithmetic":
        return estimate((a - b).tolist(), kind, draws=draws, seed=seed)
    if not ((a > 0).all() and (b > 0).all()):
        raise ConfigError("ratio of numbers that are not all positive: use the arithmetic kind")
    return estimate((a / b).tolist(), kind, draws=draws, seed=seed)


def _scale(values: NDArray[np.float64], kind: Kind) -> NDArray[np.float64]:
    if kind == "arithmetic":
        return values
    if (values < 0).any():
        raise ConfigError(
            f"geometric mean of {values.min():g}, expected no negative number: "
            f"use the arithmetic kind, or subtract the greatest lower bound first"
        )
    with np.errstate(divide="ignore"):  # log 0 = −∞ is meant: the mean is then 0
        scaled: NDArray[np.float64] = np.log(values)
    return scaled


def _unscale(mean: float, kind: Kind) -> float:
    return float(mean if kind == "arithmetic" else np.exp(mean))


def _quantile(resampled: NDArray[np.float64], q: float, kind: Kind) -> float:
    # of the means themselves, not of their logarithms, where −∞ cannot be interpolated
    means = resampled if kind == "arithmetic" else np.exp(resampled)
    return float(np.quantile(means, q))
