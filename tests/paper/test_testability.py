"""Claims about the TC penalty need models at β = 1 that have a total correlation to reduce."""

import json

import pytest

from seatbelt_vae.paper.claims import VERDICTS, answer_all, record_of
from seatbelt_vae.paper.claims.claim import Claim, answer_claim
from seatbelt_vae.paper.claims.testability import REQUIREMENTS, Precondition
from seatbelt_vae.paper.experiments import EXPERIMENTS
from seatbelt_vae.paper.sizes import SIZES
from tests.paper.made_up import MadeUp, made_up
from tests.paper.test_verdicts import found

NOT_TESTABLE = "not testable at this size"
SERIES = {  # claim: presets at β = 1 whose penalised models it compares
    "C1": {"vae"},
    "C2": {"vae", "hvae"},
    "C3": {"hvae"},
    "C4": {"vae", "hvae"},
    "C12": {"dlgm", "hvae"},
}
UNIT_FLOOR = 0.75
"""Free bits of 0.125 nats for each of the 6 units of the top layer."""


@pytest.fixture(scope="module")
def views():
    return made_up(EXPERIMENTS.values(), SIZES["small"]).views


def answered(views, *, tc=5.0, kl=50.0, preset=None, free_bits=0.125, group="unit", beta=1.0):
    """Answers where the models of a preset at β have these measures; others have plenty."""
    runs, evaluations = [], []
    for run, evaluation in zip(views["runs"], views["evaluations"], strict=True):
        assert run["run"] == evaluation["run"]
        deep = run["depth"] > 1
        chosen = run["beta"] == beta and preset in (None, run["preset"])
        seed_tc = tc[run["seed"]] if isinstance(tc, tuple) else tc
        runs.append(run | {"free_bits": free_bits * deep, "free_bits_group": group})
        measured = {
            "tc_lower": seed_tc if chosen else 5.0,
            "divergences": [99.0] * (run["depth"] - 1) + [kl if chosen else 50.0],
        }
        evaluations.append(evaluation | measured)
    store = MadeUp({**views, "runs": runs, "evaluations": evaluations})
    return {answer.claim.id: answer for answer in answer_all(store)}


def untestable(answers):
    return {name for name, answer in answers.items() if answer.verdict == NOT_TESTABLE}


def test_plenty_and_unknown_measures_change_no_answer(views):
    before = {a.claim.id: a.verdict for a in answer_all(MadeUp(views))}
    assert {name: a.verdict for name, a in answered(views).items()} == before
    assert NOT_TESTABLE not in before.values()
    assert all(not a.preconditions for a in answer_all(MadeUp(views)))


@pytest.mark.parametrize("preset", ["vae", "hvae", "dlgm"])
def test_the_total_correlation_must_be_one_nat(views, preset):
    concerned = {claim for claim, presets in SERIES.items() if preset in presets}
    assert untestable(answered(views, tc=1.0, preset=preset)) == set()
    assert untestable(answered(views, tc=0.999, preset=preset)) == concerned


@pytest.mark.parametrize("preset", ["hvae", "dlgm"])
@pytest.mark.parametrize(("group", "floor"), [("unit", UNIT_FLOOR), ("layer", 0.125)])
def test_the_divergence_must_be_five_times_its_floor(views, preset, group, floor):
    concerned = {claim for claim, presets in SERIES.items() if preset in presets}
    at = answered(views, kl=5 * floor, preset=preset, group=group)
    below = answered(views, kl=4.999 * floor, preset=preset, group=group)
    assert (untestable(at), untestable(below)) == (set(), concerned)


def test_without_free_bits_only_the_total_correlation_counts(views):
    assert untestable(answered(views, kl=0.0, preset="vae")) == set()
    assert untestable(answered(views, kl=0.0, free_bits=0.0)) == set()


def test_penalised_models_and_the_layers_below_are_not_asked(views):
    assert untestable(answered(views, tc=0.0, kl=0.0, beta=10.0)) == set()


def test_trainings_are_averaged(views):
    assert untestable(answered(views, tc=(0.5, 1.0, 1.5), preset="hvae")) == set()
    few = answered(views, tc=(0.5, 1.0, 1.49), preset="hvae")
    assert few["C3"].by_data["chairs"] == NOT_TESTABLE
    # faces has the first seed only
    assert few["C3"].by_data["faces"] == NOT_TESTABLE


def test_the_answer_states_series_values_and_thresholds(views):
    answer = answered(views, tc=0.105, kl=0.74, preset="hvae")["C3"]
    reason = (
        "Seatbelt-VAE at β = 1: KL(z^L) 0.987 < 5 × its free-bits floor, TC(z^L) 0.105 < 1 nats"
    )
    assert answer.why == f"chairs, {reason}; faces, {reason}"
    record = json.loads(json.dumps(record_of(answer)))
    assert record["verdict"] == NOT_TESTABLE
    (first, second) = (p for p in record["preconditions"] if p["data"] == "chairs")
    assert (first["value"], first["at_least"], first["met"]) == (
        pytest.approx(0.74 / 0.75),
        5,
        False,
    )
    assert (second["measure"], second["unit"], second["value"]) == ("TC(z^L)", "nats", 0.105)
    assert MadeUp(views).query(second["query"]).num_rows > 0


def test_a_testable_data_set_decides_alone():
    met, unmet = (Precondition("s", REQUIREMENTS[1], value, "") for value in (2.0, 0.5))
    claim, effects = Claim("C1", "text", ()), {"a": [found(0.1, 0.2)], "b": [found(-0.2, -0.1)]}
    both = answer_claim(claim, effects, {"a": [met], "b": [met, unmet]})
    assert (both.verdict, both.why) == ("reproduced", "on a")
    assert both.by_data == {"a": "reproduced", "b": NOT_TESTABLE}
    assert answer_claim(claim, effects, {"a": [unmet]}).verdict == "not reproduced"
    few = {"a": [found(0.1, 0.2, seeds=1)], "b": [found(0.1, 0.2)]}
    assert answer_claim(claim, few, {"b": [unmet]}).verdict == "undecided"
    assert answer_claim(claim, few, {"a": [unmet], "b": [unmet]}).verdict == NOT_TESTABLE
    assert answer_claim(claim, {}, {"a": [unmet]}).verdict == NOT_TESTABLE
    assert answer_claim(claim, {}, {"a": [unmet], "b": [met]}).verdict == "undecided"
    assert (
        answer_claim(claim, {"a": effects["a"]}, {"a": [unmet], "b": [met]}).verdict == "undecided"
    )
    assert NOT_TESTABLE in VERDICTS
