"""The rule of verdicts, and rank correlations against SciPy."""

import math

import numpy as np
import pytest
from scipy.stats import spearmanr

from seatbelt_vae.evaluation.two_way_bootstrap import CrossedEstimate
from seatbelt_vae.paper.claims.claim import Claim, answer_claim
from seatbelt_vae.paper.claims.contrast import Contrast, Effect, ModelMean
from seatbelt_vae.paper.claims.rank_correlation import rank_correlation


def contrast(role="decides", kind="arithmetic"):
    strength = "paper" if role == "published" else "strong"
    return Contrast("words", "fig3", "v", (ModelMean(1, "s", "most"),), role, strength, kind=kind)


def found(low, high, role="decides", *, kind="arithmetic", published=None, seeds=3):
    value = None if low is None else (low + high) / 2
    estimate = CrossedEstimate(value, low, high, kind, seeds, 10)
    return Effect(contrast(role, kind), estimate, published, ("SELECT 1",))


def verdict(*contrasts):
    answer = answer_claim(Claim("C1", "text", ()), {"chairs": contrasts})
    return answer.verdict


def test_reproduced_needs_every_deciding_contrast():
    assert verdict(found(0.1, 0.2), found(0.1, 0.2)) == "reproduced"
    assert verdict(found(0.1, 0.2), found(-0.1, 0.2)) == "undecided"
    assert verdict(found(0.1, 0.2), found(None, None)) == "undecided"


def test_the_published_measure_alone_is_the_weak_protocol_only():
    weak = found(0.1, 0.2, "published")
    assert verdict(found(-0.1, 0.2), weak) == "only under the weak protocol"
    assert verdict(found(-0.2, -0.1), weak) == "only under the weak protocol"
    assert verdict(found(0.1, 0.2), weak) == "reproduced"
    assert verdict(found(-0.1, 0.2), weak, found(-0.1, 0.1, "published")) == "undecided"
    # a sign that is right, of an effect not half as large as published, is none that was published
    ratio = {"role": "published", "kind": "geometric"}
    assert verdict(found(-0.1, 0.2), found(1.1, 1.5, published=4.0, **ratio)) == "undecided"
    half = found(1.1, math.exp(2.1), published=4.0, **ratio)
    assert verdict(found(-0.1, 0.2), half) == "only under the weak protocol"


def test_the_other_sign_or_less_than_half_is_not_reproduced():
    assert verdict(found(-0.2, -0.1)) == "not reproduced"
    assert verdict(found(-0.2, 0.1)) == "undecided"
    # a ratio: published e⁴, found at most e¹, which is less than half of it
    small = found(math.exp(0.5), math.e, "scale", kind="geometric", published=4.0)
    enough = found(math.exp(0.5), math.exp(2.1), "scale", kind="geometric", published=4.0)
    assert verdict(found(-0.1, 0.2), small) == "not reproduced"
    assert verdict(found(-0.1, 0.2), enough) == "undecided"
    # the weak attack's own number never speaks against
    assert verdict(found(-0.1, 0.2), found(-0.2, -0.1, "published")) == "undecided"


def test_a_ratio_holds_above_one():
    assert verdict(found(1.1, 1.5, kind="geometric")) == "reproduced"
    assert verdict(found(0.9, 1.5, kind="geometric")) == "undecided"
    assert verdict(found(0.2, 0.5, kind="geometric")) == "not reproduced"


def test_few_trainings_decide_nothing():
    claim = Claim("C1", "text", ())
    few = answer_claim(claim, {"faces": [found(0.1, 0.2, seeds=1)]})
    assert few.verdict == "undecided"
    assert few.why == "fewer than three trainings: of these models only"
    assert few.by_data == {"faces": "reproduced"}
    both = answer_claim(claim, {"faces": [found(-0.2, -0.1, seeds=1)], "chairs": [found(0.1, 0.2)]})
    assert (both.verdict, both.why) == ("reproduced", "on chairs")


def test_data_sets_that_disagree_leave_it_undecided():
    answer = answer_claim(
        Claim("C1", "text", ()), {"faces": [found(-0.2, -0.1)], "chairs": [found(0.1, 0.2)]}
    )
    assert (answer.verdict, answer.why) == ("undecided", "the data sets disagree")
    nothing = answer_claim(Claim("C1", "text", ()), {})
    assert nothing.why == "no data set has all the models it compares, with pairs told apart"


@pytest.mark.parametrize("ties", [False, True])
def test_rank_correlation_is_scipys(ties):
    generator = np.random.default_rng(0)
    x, y = generator.normal(size=(2, 15))
    y = y + x
    if ties:
        x, y = x.round(), y.round()
    estimate = rank_correlation(x, y)
    assert estimate.value == pytest.approx(spearmanr(x, y).statistic)
    assert estimate.low < estimate.value < estimate.high
    assert rank_correlation(x, -y).value == pytest.approx(-estimate.value)


def test_no_interval_of_few_models_and_no_correlation_of_equal_numbers():
    few = rank_correlation(np.arange(5.0), np.arange(5.0))
    assert (few.value, few.low) == (pytest.approx(1), None)
    assert rank_correlation(np.ones(3), np.arange(3.0)).value is None
    equal = rank_correlation(np.ones(12), np.arange(12.0), pairs=7)
    assert (equal.value, equal.low, equal.high) == (None, None, None)
    assert (equal.seeds, equal.pairs) == (12, 7)
