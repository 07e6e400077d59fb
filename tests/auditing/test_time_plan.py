"""The estimate of an audit against what it spends, and the fit into minutes."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from seatbelt_vae import audit, subject_of_model
from seatbelt_vae.attacks.diagnostics.adaptive import GradientSource
from seatbelt_vae.attacks.prepare import prepare, prepare_model
from seatbelt_vae.auditing import time_plan
from seatbelt_vae.auditing.attack_checks import check_attack, checking_evaluations
from seatbelt_vae.auditing.goals import Goal
from seatbelt_vae.auditing.portfolio import PortfolioAttack, planned_evaluations
from seatbelt_vae.auditing.threat_budgets import threats_of
from seatbelt_vae.auditing.through_defence import ThroughDefence, further_evaluations
from seatbelt_vae.config import AuditConfig
from seatbelt_vae.config.audit import scaled
from seatbelt_vae.errors import ConfigError, ForeignStateError
from seatbelt_vae.runs import read_rows
from seatbelt_vae.subjects.defended_subject import behind
from tests.auditing import small_models
from tests.auditing.small_models import QUICK, images, subject

SLOW = 0.01
"""Seconds of an evaluation."""


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time_plan, "_seconds_per_evaluation", lambda *_: SLOW)


@pytest.mark.parametrize("effort", [0.3, 1, 2])
def test_the_plan_is_close_to_what_an_attack_spends(effort: float) -> None:
    model, config = small_models.vae(), AuditConfig(effort=effort, gradient_free=0)
    x = images().train.batch(torch.arange(4).numpy())
    prepared, x, target = prepare(model, x[:2], x[2:], targeted=True)
    assert target is not None
    keys, shares = [(0, 0), (0, 1)], (0.05, 0.1, 0.3)
    attack = PortfolioAttack(prepared, x, target, "l2", shares, config, keys)
    attack.run()
    spent, planned = int(attack.evaluations.sum()), planned_evaluations(model, config, 2, 3)
    assert 0.6 * planned <= spent <= planned
    check_attack(attack)
    checks = checking_evaluations(model, config, 2, 3)
    assert 0.6 * checks <= int(attack.evaluations.sum()) - spent <= checks


@pytest.mark.parametrize("defence", ["averaging:3", "self-denoising:2"])
def test_the_plan_includes_the_attacks_through_a_defence(
    defence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged = behind(subject_of_model(small_models.vae(), "small"), defence)
    x = images().train.batch(torch.arange(4).numpy())
    prepared, x, target = prepare(judged.model, x[:2], x[2:], targeted=True)
    config = AuditConfig(effort=0.3)
    attack = PortfolioAttack(prepared, x, target, "l2", (0.1, 0.3), config, [(0, 0), (0, 1)])
    descend, spent = ThroughDefence._descend, list[int]()

    def counted(through: ThroughDefence, goals: Sequence[Goal], source: GradientSource) -> None:
        before = int(attack.evaluations.sum())
        descend(through, goals, source)
        spent.append((int(attack.evaluations.sum()) - before) * max(1, len(source.draws)))

    monkeypatch.setattr(ThroughDefence, "_descend", counted)
    ThroughDefence(attack, prepare_model(judged.undefended)).run()
    further = further_evaluations(judged.model, judged.undefended, config, 2, 2)
    assert 0.6 * further <= sum(spent) <= further
    with_it, without = (
        time_plan.planned(each, replace(config, pairs=2), SLOW, 1).evaluations
        for each in (judged, replace(judged, undefended=None))
    )
    threats = threats_of(config, small_models.SHAPE)
    budgets = sum(map(len, threats.values()))
    assert with_it - without == further // 2 * budgets


def plan(pairs: int, effort: float) -> float:
    config = AuditConfig(pairs=pairs, effort=effort)
    judged = subject_of_model(small_models.vae(), "small")
    return time_plan.planned(judged, config, SLOW, processes=2).seconds / 60


@pytest.mark.parametrize(
    ("given", "minutes", "expected"),
    [
        ({}, 2 * plan(20, 1), (20, 1)),
        ({}, plan(13, 1), (13, 1)),
        ({}, 1.01 * plan(8, 0.5), (8, 0.5)),
        ({}, 1e-3, (8, 0.03)),
        ({"pairs": 20}, 1.01 * plan(20, 0.5), (20, 0.5)),
        ({"effort": 2}, plan(10, 2), (10, 2)),
        ({"effort": 2}, 1e-3, (8, 2)),
        ({"effort": 2, "pairs": 20}, 1e-3, (20, 2)),
    ],
)
def test_pairs_are_fitted_first_then_effort_and_given_numbers_stay(
    given: dict[str, int], minutes: float, expected: tuple[int, float]
) -> None:
    asked = AuditConfig(minutes=minutes, **given)
    judged = subject_of_model(small_models.vae(), "small")
    found = time_plan.fitted(judged, replace(asked, pairs=20), asked, SLOW, 2)
    assert (found.pairs, found.effort) == expected


@pytest.mark.usefixtures("slow")
def test_a_plan_is_stored_and_resumed_at_another_speed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = replace(QUICK, pairs=None, minutes=1.0)
    said = list[str]()

    def stop(_activity: str, done: int, _total: int) -> None:
        if done:
            raise KeyboardInterrupt

    judged = subject(small_models.vae(), tmp_path / "resumed")
    with pytest.raises(KeyboardInterrupt):
        audit(judged, images(), config, despite_checks=True, on_progress=stop, say=said.append)
    assert "fitted into 1 minutes, from 12 pairs at effort 1" in said[0]
    stored = json.loads((tmp_path / "resumed/audit/plan.json").read_text())
    monkeypatch.setattr(time_plan, "_seconds_per_evaluation", lambda *_: 1e-9)
    found = audit(judged, images(), config, despite_checks=True)
    assert found.settings["minutes"] == 1
    assert (found.settings["pairs"], found.settings["effort"]) == (8, stored["effort"])
    assert stored["effort"] < 1
    # the same numbers as settings give the same rows
    given = replace(QUICK, pairs=8, effort=stored["effort"])
    audit(subject(small_models.vae(), tmp_path / "given"), images(), given, despite_checks=True)
    rows = [read_rows(tmp_path / name / "audit/rows") for name in ("resumed", "given")]
    assert rows[0] == rows[1]
    with pytest.raises(ForeignStateError, match="fitted for another model or other settings"):
        audit(judged, images(), replace(config, minutes=2.0), despite_checks=True)


def _said(folder: Path, config: AuditConfig) -> list[str]:
    """The lines that an audit states about its time."""
    said = list[str]()
    judged = subject(small_models.vae(), folder)
    audit(judged, images(), config, despite_checks=True, say=said.append)
    return said


@pytest.mark.usefixtures("slow")
def test_a_time_that_is_too_short_is_stated(tmp_path: Path) -> None:
    said = _said(tmp_path, replace(QUICK, minutes=1e-3))
    assert said[0].startswith("2 pairs at effort 0.03: about ")
    assert said[0].endswith(
        "no smaller audit is allowed, so it will take longer than 0.001 minutes"
    )


@pytest.mark.usefixtures("slow")
def test_an_audit_without_minutes_states_its_time_until_it_is_done(tmp_path: Path) -> None:
    (line,) = _said(tmp_path, QUICK) + _said(tmp_path, QUICK)
    assert line.startswith("2 pairs at effort 1: about ")
    assert "gradient evaluations of 10 ms" in line


def test_numbers_times_the_effort() -> None:
    assert [scaled(n, 0.4) for n in (0, 1, 4, 100)] == [0, 1, 2, 40]
    with pytest.raises(ConfigError, match="minutes"):
        AuditConfig(minutes=0)
