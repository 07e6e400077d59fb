"""Bootstrap intervals against SciPy and against plain loops."""

import math
import statistics

import numpy as np
import pytest
from scipy import stats

from seatbelt_vae.errors import ConfigError, ShapeError
from seatbelt_vae.evaluation.bootstrap import estimate, paired_difference

VALUES = np.random.default_rng(3).lognormal(size=14).tolist()


def loop_interval(values: list[float], geometric: bool, draws: int = 2000) -> tuple[float, float]:
    """Bootstrap-t interval with loops over resamples, in the statistics module."""
    n = len(values)
    picked = np.random.default_rng(0).integers(0, n, size=(draws, n))
    scaled = [math.log(v) for v in values] if geometric else values
    mean, error = statistics.mean(scaled), statistics.stdev(scaled) / math.sqrt(n)
    t = []
    for row in picked:
        again = [scaled[i] for i in row]
        t.append((statistics.mean(again) - mean) / statistics.stdev(again) * math.sqrt(n))
    t.sort()
    ends = (
        mean - t[math.ceil(0.975 * draws) - 1] * error,
        mean - t[int(0.025 * draws) - 1] * error,
    )
    low, high = (min(max(end, min(scaled)), max(scaled)) for end in ends)
    return (math.exp(low), math.exp(high)) if geometric else (low, high)


@pytest.mark.parametrize("kind", ["arithmetic", "geometric"])
def test_interval_equals_a_plain_loop(kind: str) -> None:
    found = estimate(VALUES, kind)
    value = stats.gmean(VALUES) if kind == "geometric" else sum(VALUES) / len(VALUES)
    assert found.value == pytest.approx(value, rel=1e-12)
    assert (found.low, found.high) == pytest.approx(loop_interval(VALUES, kind == "geometric"))
    assert found.n == 14
    assert found.kind == kind


def test_nearly_equal_values_have_the_bca_interval_of_scipy() -> None:
    values = np.array([0.0] * 11 + [1.0, 2.0])
    n = len(values)
    found = estimate(values, draws=20_000)
    oracle = stats.bootstrap(
        (values,),
        np.mean,
        n_resamples=20_000,
        confidence_level=stats.norm.cdf(stats.t.ppf(0.975, n - 1) * math.sqrt(n / (n - 1))) * 2 - 1,
        method="BCa",
        rng=np.random.default_rng(9),
    ).confidence_interval
    assert found.high == pytest.approx(oracle.high, abs=0.08)
    assert found.high < 2


@pytest.mark.parametrize(
    ("kind", "pairs", "stated"),
    [
        ("normal", 10, 0.945),
        ("normal", 20, 0.955),
        ("lognormal, geometric", 10, 0.945),
        ("exponential", 10, 0.935),
        ("exponential", 20, 0.94),
        ("lognormal", 10, 0.915),
        ("lognormal", 20, 0.915),
        ("standard_t", 10, 0.935),
        ("beta", 10, 0.955),
    ],
)
def test_the_coverage_is_the_stated_one(kind: str, pairs: int, stated: float) -> None:
    generator = np.random.default_rng(0)
    name, _, geometric = kind.partition(", ")
    truth = {"normal": 0.0, "exponential": 1.0, "lognormal": 1.0 if geometric else math.exp(0.5)}
    shape = {"standard_t": (3,), "beta": (0.5, 1.5)}.get(name, ())
    wanted = {**truth, "standard_t": 0.0, "beta": 0.25}[name]
    held = 0
    for sample in getattr(generator, name)(*shape, size=(4000, pairs)):
        found = estimate(sample, geometric or "arithmetic", draws=1000)
        held += found.low <= wanted <= found.high
    assert held / 4000 == pytest.approx(stated, abs=0.018)  # 4 standard errors


def test_equal_values_have_an_interval_of_no_width() -> None:
    found = estimate([0.1] * 10)
    assert (found.low, found.high) == pytest.approx((0.1, 0.1))


def test_the_interval_stays_in_the_range_of_the_values() -> None:
    found = estimate([0.0] * 9 + [1.0])
    assert found.low == 0
    assert 0.1 < found.high < 1


def test_fewer_than_ten_pairs_have_no_interval() -> None:
    nine, ten = estimate(VALUES[:9]), estimate(VALUES[:10])
    assert (nine.low, nine.high, nine.n) == (None, None, 9)
    assert ten.low is not None
    assert ten.low < ten.value < ten.high


def test_no_pairs_have_no_mean() -> None:
    assert estimate([]).value is None


def test_same_seed_same_interval() -> None:
    assert estimate(VALUES, seed=4) == estimate(VALUES, seed=4)
    assert estimate(VALUES, seed=4).low != estimate(VALUES, seed=5).low


def test_geometric_mean_with_a_zero_is_zero() -> None:
    found = estimate([0.0, *VALUES], "geometric")
    assert found.value == 0
    assert found.low == 0
    assert found.high > 0


def test_geometric_mean_of_a_negative_number_is_refused() -> None:
    with pytest.raises(ConfigError, match="geometric mean of -1, expected no negative"):
        estimate([-1.0, 2.0], "geometric")


def test_pairing_removes_what_is_common_to_a_pair() -> None:
    pairs = np.random.default_rng(1).normal(scale=100, size=12)
    found = paired_difference((pairs + 2).tolist(), pairs.tolist())
    assert (found.value, found.low, found.high) == pytest.approx((2, 2, 2))


def test_geometric_difference_is_the_ratio_of_geometric_means() -> None:
    other = VALUES[::-1]
    found = paired_difference(VALUES, [2 * v for v in other], "geometric")
    assert found.value == pytest.approx(stats.gmean(VALUES) / stats.gmean(other) / 2)


def test_difference_needs_the_same_pairs_and_positive_ratios() -> None:
    with pytest.raises(ShapeError, match="2 and 1 values"):
        paired_difference([1.0, 2.0], [1.0])
    with pytest.raises(ConfigError, match="not all positive"):
        paired_difference([1.0], [0.0], "geometric")
