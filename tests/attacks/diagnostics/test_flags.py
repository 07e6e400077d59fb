"""Validity flags: documented, judged right, and each raised by a model built to deserve it."""

from dataclasses import asdict, replace

import pytest
import torch

from seatbelt_vae.attacks import FLAGS, attack
from seatbelt_vae.attacks.diagnostics.controls import controlled
from seatbelt_vae.attacks.diagnostics.convergence import recheck
from seatbelt_vae.attacks.diagnostics.flags import suite_flags
from seatbelt_vae.attacks.diagnostics.model_checks import check_model
from seatbelt_vae.config import AttackConfig
from tests.attacks.models import (
    DetachedGradient,
    Linear,
    MaskedGradient,
    MisleadingGradient,
    Noisy,
    Saturated,
    images,
)
from tests.conftest import ROOT

CALM = AttackConfig(weight_count=4, restarts=0, recheck=0, gradient_free=100)
HASTY = replace(CALM, weight_count=9, recheck=1, max_evaluations=1, gradient_free=0)
WEAK = AttackConfig(strength="single", weight_count=9, max_evaluations=2, recheck=0)


def rows_of(model, config=CALM, spoil=lambda result: result, sibling=None):
    """The rows of an attack on one pair."""
    x, target = (image[None] for image in images())
    result = spoil(attack(model, x, target, replace(config, recheck=0)))
    if config.strength == "strong" and config.recheck:
        result = recheck(result, config, [(0, 0)])
    shown = [] if sibling is None else [("transfer", attack(sibling, x, target, CALM).points)]
    beside = controlled(result, config, [(0, 0)], shown)
    (checks,) = check_model(model, result.problem, [torch.Generator().manual_seed(0)])
    return [{"pair": 0, **row} for row in beside.rows(0, checks=asdict(checks))]


def raised_by(*arguments, **named):
    """The names of the flags that an attack raises."""
    return {f.name for f in suite_flags([rows_of(*arguments, **named)]) if f.raised}


def pushed_out(result):
    return replace(result, points=result.points + 10)


@pytest.mark.parametrize(
    ("raised", "arguments"),
    [
        ([], [Linear(), CALM]),
        ([], [Linear(), AttackConfig(weight_count=6, restarts=1)]),
        ([], [Linear(), AttackConfig(threat="l2", restarts=1)]),
        (["log-variance clamp active"], [Saturated()]),
        (["not converged", "start point kept"], [Linear(), HASTY]),
        (["outside the bounds"], [Linear(), CALM, pushed_out]),
    ],
)
def test_each_flag_is_raised_by_what_deserves_it_and_no_other(raised, arguments):
    assert raised_by(*arguments) == set(raised)


@pytest.mark.parametrize("model", [MaskedGradient(), DetachedGradient()])
def test_a_hidden_gradient_is_unmasked_by_search_without_it(model):
    assert {"gradient not usable", "gradient-free search beats the attack"} <= raised_by(model)


def test_a_misleading_gradient_is_beaten_by_everything():
    flags = raised_by(MisleadingGradient(), WEAK)
    assert {"noise beats the attack", "raw curve not a minimum's"} <= flags
    assert "trivial bound exceeded" in flags
    assert "gradient-free search beats the attack" in raised_by(MisleadingGradient())


def test_images_of_a_sibling_beat_an_attack_on_a_hidden_gradient():
    hidden = replace(CALM, gradient_free=0)
    flags = raised_by(MaskedGradient(), hidden, sibling=Linear())
    assert "transfer beats the attack" in flags
    assert "transfer beats the attack" not in raised_by(Linear(), sibling=Linear(seed=3))


def test_a_noisy_encoder_is_flagged():
    # which other flags its attack raises is up to the noise
    assert "encoder not repeatable" in raised_by(Noisy())


def row(pair, **changed):
    """A row nothing is wrong with, but for what is changed."""
    good = {
        "repeatable": True, "training_mode": False, "gradient_usable": True, "clamped_units": 0,
        "exceeds_bound": False, "outside_bounds": False, "noise_beats": False,
        "gradient_free_beats": False, "transfer_beats": None,
        "unconverged": 0.0, "raw_violation": 0.0, "status": "converged",
    }  # fmt: skip
    return {"pair": pair, **good, **changed}


def test_figures_of_flags_are_over_pairs_and_rows():
    broken = {
        "repeatable": False, "unconverged": 0.03, "raw_violation": 0.002, "clamped_units": 4
    }  # fmt: skip
    started = row(0, exceeds_bound=True, status="start point")
    pairs = [[row(0, status="stationary at 0"), started], [row(1, **broken), row(1, **broken)]]
    found = {flag.name: (flag.raised, flag.value) for flag in suite_flags(pairs)}
    assert found["encoder not repeatable"] == (True, 1 / 2)
    assert found["trivial bound exceeded"] == (True, 1 / 4)
    assert found["start point kept"] == (True, 1 / 4)
    assert found["not converged"] == (True, 0.03)
    assert found["raw curve not a minimum's"] == (True, 0.002)
    assert found["log-variance clamp active"] == (True, 4)
    assert found["model in training mode"] == found["outside the bounds"] == (False, 0)
    assert found["transfer beats the attack"] == (False, 0)


def test_convergence_is_judged_by_the_worst_pair():
    pairs = [[row(pair, unconverged=fall)] for pair, fall in enumerate((0.0, 0.021, None))]
    (found,) = (flag for flag in suite_flags(pairs) if flag.name == "not converged")
    assert (found.raised, found.value) == (True, 0.021)
    assert found.detail == "new starts lower Δ of the worst pair's rows by up to 2.1 %"
    (found,) = (f for f in suite_flags(pairs[:1] * 2) if f.name == "not converged")
    assert not found.raised


def test_what_was_not_checked_is_said():
    rows = rows_of(Linear(), AttackConfig(strength="single", weight_count=3))
    said = {flag.name: (flag.raised, flag.detail) for flag in suite_flags([rows])}
    for name in (
        "not converged",
        "gradient-free search beats the attack",
        "transfer beats the attack",
    ):
        assert said[name] == (False, "not checked under these settings")


def test_every_flag_is_documented():
    lines = (ROOT / "docs" / "flags.md").read_text().splitlines()
    table = [line for line in lines if line.startswith("|")]
    expected = [f"| {n} | {m.raised_if} | {m.means} | {m.do} |" for n, m in FLAGS.items()]
    assert table == ["| flag | raised if | it means | do |", "|---|---|---|---|", *expected]
