"""The front of defences: against brute force, and dominance and crossings by hand."""

import math

import numpy as np
import pytest

from seatbelt_vae.evaluation.two_way_bootstrap import CrossedEstimate
from seatbelt_vae.paper.findings import sentences
from seatbelt_vae.paper.front import COSTS, crossing, kinds_of, places

EPSILON = 0.2


def rows_of(series, gap, elbo, *, seeds=3, pairs=20, noise=0.0, unexplained=0.1):
    """Rows of one kind of model: gaps of pairs with common noise, costs of trainings."""
    return [
        {
            "panel": "faces",
            "series": series,
            "run": f"{series}-{seed}",
            "item": pair,
            "epsilon": EPSILON,
            "gap": gap + noise * np.random.default_rng([pair, seed]).standard_normal(),
            "blend_gap": 0.8,
            "certified_gap": None,
            "training_s": 10.0 + seed,
            "elbo": elbo + noise * seed,
            "unexplained_variance": unexplained,
        }
        for seed in range(seeds)
        for pair in range(pairs)
    ]


def kinds(*of):
    return kinds_of([row for rows in of for row in rows])


@pytest.mark.parametrize("measure", COSTS)
@pytest.mark.parametrize("seed", range(5))
def test_the_front_is_that_of_brute_force(seed, measure):
    draws = np.random.default_rng(seed).integers(0, 6, (12, 2)) / 10
    of = {f"k{k}": (gap, cost) for k, (gap, cost) in enumerate(draws.tolist())}
    made = kinds(*(rows_of(k, gap, c, unexplained=c, pairs=2) for k, (gap, c) in of.items()))

    def better(a, b):
        cost = (a[1] - b[1]) * (1 if measure == "elbo" else -1)
        return a[0] >= b[0] and cost >= 0 and (a[0] > b[0] or cost > 0)

    expected = {k for k, p in of.items() if not any(better(q, p) for q in of.values())}
    found = places(made, EPSILON, measure)
    assert {series for series, place in found.items() if place == "front"} == expected
    assert found.keys() == of.keys()


def test_dominated_beyond_the_intervals_or_within_them():
    best = rows_of("best", 0.8, 100.0, noise=0.02)
    made = kinds(best, rows_of("far", 0.5, 50.0), rows_of("near", 0.7999, 99.99, noise=0.02))
    found = places(made, EPSILON, "elbo")
    assert found == {"best": "front", "far": "dominated", "near": "perhaps"}
    # an interval needs three trainings: two leave it open whether the ELBO differs
    two = kinds(rows_of("best", 0.8, 100.0, seeds=2), rows_of("far", 0.5, 50.0, seeds=2))
    assert places(two, EPSILON, "elbo")["far"] == "perhaps"


def test_a_kind_without_told_apart_pairs_has_no_place():
    untold = [row | {"gap": None} for row in rows_of("flat", 0.5, 120.0)]
    made = kinds(rows_of("VAE", 0.6, 100.0), untold)
    assert places(made, EPSILON, "elbo") == {"VAE": "front"}
    told = list(sentences(made))
    assert told[0] == "On the front of gap@0.2 against ELBO: VAE (0.600)."
    assert "Without a gap, because no pair is told apart: flat." in told
    assert not any("loss of ELBO" in sentence for sentence in sentences(kinds(untold)))


@pytest.mark.parametrize(
    ("gaps", "expected"),
    [
        ({0.1: 0.85, 0.2: 0.7}, None),  # below everywhere
        ({0.1: 0.95, 0.2: 0.85}, math.inf),  # above everywhere
        ({0.1: 0.92, 0.2: 0.82, 0.3: 0.66}, 0.2 + 0.1 * 0.02 / 0.06),  # excess .02 to -.04
        ({0.1: 0.88, 0.2: 0.81, 0.3: 0.69}, 0.25),  # below, above, below
        ({0.1: None, 0.2: 0.7}, None),
    ],
)
def test_where_the_line_of_the_identity_is_crossed(gaps, expected):
    estimates = {
        e: CrossedEstimate(gap, None, None, "arithmetic", 3, 20) for e, gap in gaps.items()
    }
    assert crossing(estimates) == (expected if expected is None else pytest.approx(expected))


def test_means_are_over_trainings_and_pairs():
    (kind,) = kinds(rows_of("VAE", 0.6, 100.0, noise=0.1))
    rows = rows_of("VAE", 0.6, 100.0, noise=0.1)
    assert kind.gap[EPSILON].value == pytest.approx(np.mean([row["gap"] for row in rows]))
    assert kind.cost["elbo"].value == pytest.approx(100.1)
    assert (kind.gap[EPSILON].seeds, kind.gap[EPSILON].pairs) == (3, 20)
    assert (kind.cost["elbo"].seeds, kind.cost["elbo"].pairs) == (3, 1)
    assert kind.training_s == pytest.approx(11.0)
    assert kind.blend == {EPSILON: pytest.approx(0.8)}


def test_the_sentences_name_the_front_the_copy_ppca_and_the_price():
    linear = [
        row
        for units, unexplained in ((2, 0.3), (8, 0.1))
        for row in rows_of(
            f"pPCA, {units} units", 0.7 + units / 100, 50.0, seeds=1, unexplained=unexplained
        )
    ]
    made = kinds(
        rows_of("VAE", 0.6, 100.0, unexplained=0.12),
        rows_of("cheap", 0.7, 99.0, unexplained=0.12),
        rows_of("strong", 0.85, 97.0, unexplained=0.2),
        rows_of("bad", 0.5, 90.0, unexplained=0.25),
        linear,
    )
    told = list(sentences(made))
    assert told[0] == (
        "On the front of gap@0.2 against ELBO: VAE (0.600); cheap (0.700); strong (0.850)."
    )
    assert "Above a copy of the input, 0.8: strong." in told
    # pPCA at 0.2 is halfway between 0.78 and 0.72
    assert "Above pPCA at equal unexplained variance: strong." in told
    assert told[-1] == (
        "Largest gap@0.2 by loss of ELBO against the plain VAE: 0.600 (VAE) at 0 %; 0.700 (cheap) "
        "at 1 %; 0.700 (cheap) at 2 %; 0.850 (strong) at 5 %."
    )
