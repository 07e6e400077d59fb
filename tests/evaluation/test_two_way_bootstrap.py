"""Means over trainings and pairs: values by hand, intervals against a plain double loop."""

import math

import numpy as np
import pytest
import scipy.stats

from seatbelt_vae.errors import ConfigError, ShapeError
from seatbelt_vae.evaluation.bootstrap import expansion
from seatbelt_vae.evaluation.two_way_bootstrap import Term, crossed_contrast


def made_up(seeds: int, pairs: int, shift: float = 0.0, seed: int = 0) -> np.ndarray:
    """Effects of trainings and of pairs, plus noise."""
    generator = np.random.default_rng(seed)
    of_training = generator.normal(0, 1.0, (seeds, 1))
    of_pair = np.random.default_rng(99).normal(0, 2.0, (1, pairs))
    return 10 + shift + of_training + of_pair + generator.normal(0, 0.1, (seeds, pairs))


def plain_bootstrap(first: np.ndarray, second: np.ndarray, draws: int) -> np.ndarray:
    """The difference of means in every resample of trainings and, jointly, of pairs."""
    generator = np.random.default_rng(1)
    found = []
    for _ in range(draws):
        pairs = generator.integers(0, first.shape[1], first.shape[1])
        rows = [generator.integers(0, len(m), len(m)) for m in (first, second)]
        means = [m[r][:, pairs].mean() for m, r in zip((first, second), rows, strict=True)]
        found.append(means[0] - means[1])
    return np.array(found)


def test_value_is_the_weighted_sum_of_means():
    a, b, c = (made_up(3, 4, seed=s) for s in range(3))
    found = crossed_contrast([Term(1, "a", a), Term(-2, "b", b), Term(0.5, "c", c)])
    assert found.value == pytest.approx(a.mean() - 2 * b.mean() + 0.5 * c.mean())
    assert (found.seeds, found.pairs) == (3, 4)


def test_geometric_contrast_is_a_ratio_of_geometric_means():
    a, b = np.array([[2.0, 8.0]]), np.array([[1.0, 4.0]])
    assert crossed_contrast(
        [Term(1, "a", a), Term(-1, "b", b)], "geometric"
    ).value == pytest.approx(2)
    with pytest.raises(ConfigError, match="not all positive"):
        crossed_contrast([Term(1, "a", a - 2)], "geometric")


def test_interval_is_that_of_a_double_loop_over_trainings_and_pairs_expanded():
    first, second = made_up(4, 12, shift=1, seed=1), made_up(3, 12, seed=2)
    found = crossed_contrast([Term(1, "a", first), Term(-1, "b", second)], draws=20_000)
    low, high = np.quantile(plain_bootstrap(first, second, 20_000), [0.025, 0.975])
    variances = [(np.var(m.mean(1)) / len(m), len(m)) for m in (first, second)]
    wider = expansion([*variances, (np.var(first.mean(0) - second.mean(0)) / 12, 12)])
    assert wider > 1.3
    assert found.low == pytest.approx(found.value - wider * (found.value - low), abs=0.05)
    assert found.high == pytest.approx(found.value + wider * (high - found.value), abs=0.05)


def test_expansion_turns_resampled_variance_into_students_interval():
    # of one normal sample the expanded spread is t·s/√n
    values = np.random.default_rng(0).normal(size=5)
    resampled = np.var(values) / 5
    half = scipy.stats.t.ppf(0.975, 4) * np.std(values, ddof=1) / math.sqrt(5)
    assert expansion([(resampled, 5)]) * 1.96 * math.sqrt(resampled) == pytest.approx(
        half, rel=0.002
    )
    # two equal sources add their degrees of freedom; a source of variance 0 adds none
    assert expansion([(1.0, 5), (1.0, 5)]) == pytest.approx(
        scipy.stats.t.ppf(0.975, 8) / 1.96 * math.sqrt(5 / 4), rel=0.002
    )
    assert expansion([(1.0, 3), (0.0, 10)]) == expansion([(1.0, 3)])
    assert expansion([(0.0, 3)]) == 1


@pytest.mark.parametrize("freedom", [1, 2, 2.5, 3, 5, 9, 30])
def test_quantiles_are_students(freedom):
    count = freedom + 1
    found = expansion([(1.0, count)]) / math.sqrt(count / freedom) * 1.959964
    assert found == pytest.approx(scipy.stats.t.ppf(0.975, freedom), rel=1e-6)


@pytest.mark.parametrize("of_pairs", [0.0, 3.0])
@pytest.mark.parametrize("trainings", [3, 5])
def test_the_interval_has_its_nominal_coverage(trainings, of_pairs):
    generator = np.random.default_rng(0)
    held = 0
    for _ in range(400):
        pairs = generator.normal(0, of_pairs, (1, 12)) if of_pairs else np.zeros((1, 12))
        one, other = (
            generator.normal(0, 1.0, (trainings, 1)) + generator.normal(0, 0.1, (trainings, 12))
            for _ in range(2)
        )
        found = crossed_contrast([Term(1, "a", one + pairs), Term(-1, "b", other)], draws=400)
        held += found.low <= 0 <= found.high
    assert 0.92 <= held / 400 <= 0.995


def test_several_contrasts_hold_together():
    generator, held = np.random.default_rng(1), 0
    for _ in range(200):
        intervals = [
            crossed_contrast(
                [Term(1, "a", generator.normal(size=(4, 1)) + np.zeros((1, 12)))], comparisons=6
            )
            for _ in range(6)
        ]
        held += all(found.joint[0] <= 0 <= found.joint[1] for found in intervals)
    assert held / 200 >= 0.92


def test_squared_standard_errors_are_those_of_each_source():
    of_trainings = np.array([[0.0], [1.0], [4.0]]) + np.zeros((1, 12))
    found = crossed_contrast([Term(2, "a", of_trainings)])
    assert found.of_trainings == pytest.approx(4 * np.var([0, 1, 4], ddof=1) / 3)
    assert found.of_pairs == pytest.approx(0)
    of_pairs = np.arange(12.0)[None] + np.zeros((3, 1))
    found = crossed_contrast([Term(1, "a", of_pairs), Term(-1, "b", np.zeros((3, 12)))])
    assert (found.of_trainings, found.of_pairs) == pytest.approx(
        (0, np.var(np.arange(12), ddof=1) / 12)
    )


def test_effects_of_pairs_on_both_models_cancel():
    # terms of the same trainings differ by a constant, so the interval has width 0
    values = made_up(3, 12)
    found = crossed_contrast([Term(1, "a", values + 0.5), Term(-1, "a", values)])
    assert (found.low, found.high) == (pytest.approx(0.5), pytest.approx(0.5))
    # other trainings are drawn independently
    found = crossed_contrast([Term(1, "a", values + 0.5), Term(-1, "b", values)])
    assert found.high - found.low > 0.5


def test_few_trainings_are_kept_and_few_pairs_too():
    few_seeds = crossed_contrast([Term(1, "a", made_up(2, 12))])
    assert few_seeds.of_these_models_only
    pairs_only = crossed_contrast([Term(1, "a", made_up(2, 12).mean(0, keepdims=True))])
    assert (few_seeds.low, few_seeds.high) == pytest.approx((pairs_only.low, pairs_only.high))
    assert crossed_contrast([Term(1, "a", made_up(2, 9))]).low is None
    one_number = crossed_contrast([Term(1, "a", np.array([[1.0], [2.0], [3.0]]))])
    assert (one_number.low, one_number.high) == pytest.approx((-0.65, 4.65), abs=0.05)
    assert not one_number.of_these_models_only


def test_few_pairs_have_no_interval():
    assert crossed_contrast([Term(1, "a", made_up(3, 9))]).low is None
    values = made_up(3, 12)
    values[1, :3] = math.nan
    found = crossed_contrast([Term(1, "a", values)])
    assert (found.pairs, found.low) == (9, None)
    assert found.value == pytest.approx(values[:, 3:].mean())
    values[1, 0] = 10.0
    assert crossed_contrast([Term(1, "a", values)]).low is not None


def test_a_pair_without_a_number_in_one_term_is_left_out_of_all():
    a, b = made_up(1, 3, seed=1), made_up(1, 3, seed=2)
    b[0, 1] = math.nan
    found = crossed_contrast([Term(1, "a", a), Term(-1, "b", b)])
    assert found.pairs == 2
    assert found.value == pytest.approx(a[0, [0, 2]].mean() - b[0, [0, 2]].mean())
    assert crossed_contrast([Term(1, "a", np.full((2, 2), math.nan))]).value is None


def test_terms_that_do_not_fit_are_refused():
    with pytest.raises(ShapeError, match="terms over 2, 3 pairs"):
        crossed_contrast([Term(1, "a", made_up(3, 2)), Term(1, "b", made_up(3, 3))])
    with pytest.raises(ShapeError, match="a has 2 and 3 trainings"):
        crossed_contrast([Term(1, "a", made_up(2, 3)), Term(1, "a", made_up(3, 3))])
