"""Rows of pairs and summaries, against numbers computed by hand."""

import math

import pytest
from scipy import stats
from tests.evaluation.stand_ins import (
    attack_rows,
    identity_autoencoder,
    random_images,
    random_linear,
)

from seatbelt_vae.config import AttackConfig
from seatbelt_vae.evaluation.measures import PAIR_MEASURES
from seatbelt_vae.evaluation.measures.attack_objective import shifted_geometric_mean
from seatbelt_vae.evaluation.robustness import measure_pair
from seatbelt_vae.evaluation.suite_summary import pair_row, summarise

X, TARGET, OTHER = random_images(3)
MODEL = identity_autoencoder()


def pair_of(rows: list[dict[str, object]]) -> dict[str, object]:
    star = X + 0.25 * (TARGET - X)
    images = star.expand(len(rows), *star.shape)
    return pair_row(rows, measure_pair(MODEL, X, TARGET, images, rows, AttackConfig()))


def test_geometric_means_over_weights_within_a_pair() -> None:
    rows = attack_rows(0, 3)
    deltas, bounds, divergences = [1.0, 10.0, 100.0], [2.0, 10.0, 400.0], [0.0, 1.0, 9.0]
    for row, delta, bound, r in zip(rows, deltas, bounds, divergences, strict=True):
        row |= {"delta": delta, "bound": bound, "divergence": r}
    found = pair_of(rows)
    assert found["delta"] == pytest.approx(10)
    assert found["bound"] == pytest.approx(stats.gmean(bounds))
    assert found["delta_over_bound"] == pytest.approx((0.5 + 1 + 0.25) / 3)
    assert found["delta_mean"] == pytest.approx(37)
    shift = 1e-3 * 10  # of r₀
    expected = (0.01 * 1.01 * 9.01) ** (1 / 3) - shift
    assert found["divergence"] == pytest.approx(expected)


def test_an_output_attack_is_measured_from_its_floor() -> None:
    # −log p is negative: geometric means and ratios are taken above the floor −950
    floor = {"divergence_floor": -950.0, "divergence_start": -150.0}
    rows = attack_rows(0, 2, delta=-850.0, bound=-550.0, divergence=-900.0, **floor)
    found = pair_of(rows)
    assert found["delta"] == pytest.approx(100)
    assert found["bound"] == pytest.approx(400)
    assert found["delta_over_bound"] == pytest.approx(0.25)
    assert found["divergence"] == pytest.approx(50)
    assert found["divergence_start"] == pytest.approx(800)
    assert found["delta_mean"] == pytest.approx(-850)


def test_rounding_below_the_floor_and_a_bound_of_zero() -> None:
    found = pair_of(attack_rows(0, 1, delta=-1e-7, bound=0.0, divergence=-1e-7))
    assert found["delta"] == 0
    assert found["delta_over_bound"] == 1
    assert found["divergence"] == pytest.approx(0, abs=1e-12)


def test_shares_and_image_measures_of_a_pair() -> None:
    rows = attack_rows(0, 4)
    rows[1]["status"] = "evaluation limit"
    # the status of the attack itself counts, not that of a control
    rows[2] |= {"status": "control", "status_attack": "evaluation limit"}
    rows[3] |= {"status": "control", "status_attack": "converged"}
    found = pair_of(rows)
    assert found["unconverged_share"] == 0.5
    assert found["reconstruction_error"] == 0
    assert found["gap@0.5"] == pytest.approx(0.5)
    assert found["blend_gap@0.1"] == pytest.approx(0.9)
    # (0, 1), (¼, ¾) four times, (1, ¾)
    assert found["auddc"] == pytest.approx(0.25 * 0.875 + 0.75 * 0.75)
    assert found["distance_relative"] == pytest.approx(0.25)


def test_gaps_of_a_pair_are_those_of_its_budgets() -> None:
    rows, star = attack_rows(0, 1), X + 0.3 * (OTHER - X)
    found = measure_pair(random_linear(), X, TARGET, star[None], rows, AttackConfig())
    pair = pair_row(rows, found)
    columns = ("gap", "gap_of_rows", "blend_gap")
    for row in found.budget_rows:
        values = [row[column] for column in columns]
        assert [pair[f"{column}@{row['epsilon']:g}"] for column in columns] == values
        assert len(set(values)) == 3


def test_summary_averages_pairs_not_rows() -> None:
    many, few = pair_of(attack_rows(0, 4, delta=1.0)), pair_of(attack_rows(1, 1, delta=100.0))
    summary = summarise([many, few])
    assert summary["measures"]["delta"]["value"] == pytest.approx(10)
    assert summary["measures"]["delta"]["low"] is None
    assert summary["measures"]["delta"]["kind"] == "geometric"
    assert list(summary["measures"]) == list(PAIR_MEASURES)
    assert summary["pairs"] == 2


def test_pairs_not_told_apart_count_for_delta_but_not_for_gaps() -> None:
    good = pair_of(attack_rows(0, 2))
    blind = {**good, "told_apart": False, "gap@0.5": None, "delta": 100 * good["delta"]}
    deaf = {**good, "told_apart_distortion": False, "auddc": None, "auddc_worst": None}
    summary = summarise([good, blind, deaf, deaf])
    measures = summary["measures"]
    assert summary["pairs_told_apart"] == 3
    assert summary["pairs_told_apart_distortion"] == 2
    assert measures["gap@0.5"]["n"] == measures["blend_gap@0.5"]["n"] == 3
    assert measures["auddc"]["n"] == measures["auddc_worst"]["n"] == 2
    assert measures["gap@0.5"]["value"] == pytest.approx(0.5)
    assert measures["delta"]["n"] == 4
    assert measures["delta"]["value"] == pytest.approx(good["delta"] * 100 ** (1 / 4))
    assert not PAIR_MEASURES["gap@0.5"].counts(blind)
    assert PAIR_MEASURES["auddc"].counts(blind)


def test_ten_pairs_have_intervals() -> None:
    pairs = [pair_of(attack_rows(i, 1, delta=2.0**i)) for i in range(10)]
    found = summarise(pairs)["measures"]["delta"]
    assert found["low"] < found["value"] < found["high"]
    assert found["value"] == pytest.approx(2**4.5)


def test_shifted_geometric_mean() -> None:
    assert shifted_geometric_mean([2.0, 8.0]) == pytest.approx(4)
    assert shifted_geometric_mean([0.0, 8.0]) == 0
    assert shifted_geometric_mean([0.0, 8.0], 1.0) == pytest.approx(math.sqrt(9) - 1)
