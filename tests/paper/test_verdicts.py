"""The rule of verdicts, and rank correlations against SciPy."""

import math

import numpy as np
import pytest
from scipy.stats import spearmanr, t

from seatbelt_vae.evaluation.two_way_bootstrap import CrossedEstimate
from seatbelt_vae.paper.claims.claim import Claim, answer_claim
from seatbelt_vae.paper.claims.contrast import Contrast, Effect, ModelMean
from seatbelt_vae.paper.claims.power import trainings_to_decide
from seatbelt_vae.paper.claims.rank_correlation import rank_correlation


def contrast(role="decides", kind="arithmetic", **settings):
    strength, terms = "paper" if role == "published" else "strong", (ModelMean(1, "s", "most"),)
    return Contrast("words", "fig3", "v", terms, role, strength, kind=kind, **settings)


def found(
    low,
    high,
    role="decides",
    *,
    kind="arithmetic",
    published=None,
    seeds=3,
    errors=(0.0, 0.0),
    **settings,
):
    value = None if low is None else (low + high) / 2
    estimate = CrossedEstimate(value, low, high, kind, seeds, 10, *errors)
    return Effect(contrast(role, kind, **settings), estimate, published, ("SELECT 1",))


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


def test_an_interval_within_the_margin_is_no_effect():
    within = found(-0.03, 0.04, margin=0.05)
    assert within.negligible
    assert verdict(within) == "not reproduced"
    assert verdict(found(-0.03, 0.06, margin=0.05)) == "undecided"
    assert verdict(found(-0.03, 0.04)) == "undecided"
    assert verdict(found(None, None, margin=0.05)) == "undecided"
    # a sign that is right beyond its interval is right, however small; the weak attack is not asked
    assert verdict(found(0.01, 0.04, margin=0.05)) == "reproduced"
    assert verdict(found(-0.1, 0.2), found(-0.03, 0.04, "published", margin=0.05)) == "undecided"


@pytest.mark.parametrize("comparisons", [1, 6])
@pytest.mark.parametrize(
    ("value", "margin"), [(0.1, None), (0.1, 0.05), (0.01, 0.05), (-0.1, 0.05)]
)
def test_trainings_that_decide(value, margin, comparisons):
    errors = (0.06**2, 0.01**2)
    few = found(
        value - 0.3, value + 0.3, errors=errors, margin=margin, comparisons=comparisons, seeds=4
    )
    count = trainings_to_decide(few)
    enough = max(abs(value), (margin or 0) - abs(value))
    for trainings, holds in ((count, True), (count - 1, False)):
        error = math.sqrt(errors[0] * 4 / trainings + errors[1])
        reach = t.ppf([1 - 0.025 / comparisons, 0.8], trainings - 1).sum() * error
        assert bool(reach <= enough) == holds


def test_no_number_of_trainings_for_decided_contrasts_or_few_pairs():
    assert trainings_to_decide(found(0.1, 0.2, errors=(0.01, 0.0))) is None
    assert trainings_to_decide(found(-0.03, 0.04, errors=(0.01, 0.0), margin=0.05)) is None
    assert trainings_to_decide(found(None, None)) is None
    assert trainings_to_decide(found(-0.3, 0.5, errors=(0.0, 0.0))) is None
    assert trainings_to_decide(found(-0.3, 0.5, errors=(0.01, 0.1))) is None
    # a ratio counts by its logarithm
    ratio = found(0.5, 2.5, kind="geometric", errors=(0.04, 0.0))
    plain = found(math.log(1.5) - 1, math.log(1.5) + 1, errors=(0.04, 0.0))
    assert trainings_to_decide(ratio) == trainings_to_decide(plain) > 3


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
