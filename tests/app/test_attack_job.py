"""A watched attack equals the attack, shows its best points, and can be stopped."""

import threading
import time
from dataclasses import replace

import pytest
import torch

from seatbelt_vae.app.attack_job import AttackJob
from seatbelt_vae.app.best_known import BestKnown
from seatbelt_vae.app.choices import attack_config
from seatbelt_vae.attacks.diagnostics import checked_attack
from seatbelt_vae.config import AttackConfig

from .small_page import SETTINGS, subject


def job(config: AttackConfig, seconds: float = 60.0) -> AttackJob:
    made = subject()
    pair = made.examples[0], made.examples[1]
    return AttackJob(made, *pair, config, seconds, threading.Event())


QUICK = replace(attack_config(**SETTINGS), max_evaluations=20)  # type: ignore[arg-type]


KINDS = ("latent-kl", "output", "output-reconstruction", "damage-reconstruction")
"""Losses that are smooth, averaged over draws, kinked and so refined in float64, untargeted."""


@pytest.mark.parametrize("loss", KINDS)
def test_a_watched_attack_equals_the_attack(loss: str) -> None:
    effort = {"restarts": 0, "gradient_free": 10, "max_evaluations": 10, "draws": 2}
    watched = job(replace(QUICK, loss=loss, strength="strong", **effort))
    watched.run()
    assert watched.state.problem == ""
    assert watched.state.outcome is not None
    plain = checked_attack(
        watched.subject.model, watched.x[None], watched.target[None], watched.config
    )
    assert torch.equal(watched.state.outcome.adversarial, plain.result.adversarial[0])
    rows = plain.rows(0)
    assert [row["delta"] for row in watched.state.outcome.rows] == [row["delta"] for row in rows]
    assert watched.state.outcome.checks == len(plain.flags)


def test_the_best_points_are_those_of_the_result() -> None:
    found = job(QUICK)
    found.run()
    frame, outcome = found.state.frame, found.state.outcome
    assert frame is not None
    assert outcome is not None
    losses = [row["divergence"] for row in outcome.rows]
    assert frame.losses.tolist() == pytest.approx(losses)
    assert torch.equal(frame.points, outcome.adversarial)
    # each loss falls along the trace, and the larger budget is never worse
    for *column, last in zip(*(known for _, known in frame.trace), strict=True):
        assert column == sorted(column, reverse=True)
        assert last == pytest.approx(column[-1], rel=1e-3)  # the result, in another batch
    assert losses[1] < losses[0] < frame.start
    assert frame.trace[0][1][0] == frame.start
    counts = [count for count, _ in frame.trace]
    assert counts == sorted(counts)
    assert counts[0] == 1


@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_points_outside_a_budget_are_not_kept(norm: str) -> None:
    made = subject()
    x, target = made.examples[0].float(), made.examples[1].float()
    config = AttackConfig(threat=norm, budgets=(0.1, 0.5))  # type: ignore[arg-type]
    best = BestKnown.of(made.model, x, target, config)
    far = target - x
    unit = far.norm() if norm == "l2" else torch.tensor(1.0)
    length = far.norm() if norm == "l2" else far.abs().max()
    steps = torch.stack([x + share * unit / length * far for share in (0.0, 0.09, 0.4, 0.6)])
    best.evaluations = 4
    best.record(steps, torch.tensor([4.0, 3.0, 2.0, 1.0], dtype=torch.float64))
    assert best.losses.tolist() == [3, 2]
    assert torch.equal(best.points, steps[1:3])


def test_losses_that_are_not_numbers_are_passed_over() -> None:
    made = subject()
    x = made.examples[0].float()
    best = BestKnown.of(made.model, x, made.examples[1].float(), QUICK)
    best.record(x.expand(2, *x.shape), torch.tensor([torch.nan, 5.0], dtype=torch.float64))
    assert best.losses.tolist() == [5, 5]


def test_a_long_curve_keeps_its_ends() -> None:
    made = subject()
    x = made.examples[0].float()
    best = BestKnown.of(made.model, x, made.examples[1].float(), QUICK)
    for step in range(3000):
        best.evaluations += 1
        best.record(x[None], torch.tensor([-float(step)], dtype=torch.float64))
    assert len(best.trace) <= 400
    assert best.trace[0][0] == 1
    assert best.trace[-1][0] == 3000


def test_the_time_limit_ends_an_attack_and_keeps_what_is_known() -> None:
    found = job(replace(QUICK, strength="strong", max_evaluations=500), seconds=0.05)
    found.run()
    assert found.state.outcome is None
    assert "time limit of 0.05 s" in found.state.problem
    assert found.state.frame is not None
    assert not found.subject.lock.locked()


def test_a_stopped_attack_ends() -> None:
    found = job(replace(QUICK, strength="strong", max_evaluations=500))
    found.stop()
    found.run()
    assert found.state.outcome is None
    assert found.state.problem.startswith("Stopped")
    assert not found.state.running


def test_an_attack_waits_for_another_one_on_its_model_and_can_be_stopped_meanwhile() -> None:
    found = job(QUICK)
    with found.subject.lock:
        found.start()
        time.sleep(0.3)
        assert found.state.running
        assert found.state.frame is None
        found.stop()
        for _ in range(50):
            time.sleep(0.05)
            if not found.state.running:
                break
    assert found.state.problem.startswith("Stopped")


def test_an_error_of_the_model_is_a_sentence_without_its_words(
    caplog: pytest.LogCaptureFixture,
) -> None:
    found = job(QUICK)

    def broken(*_: object) -> None:
        raise RuntimeError("secret in /srv/models")

    found.subject.model.encode = broken  # type: ignore[method-assign]
    found.run()
    assert "secret" not in found.state.problem
    assert "terminal of the server" in found.state.problem
    assert "secret" in caplog.text


def test_an_error_of_the_library_is_its_sentence() -> None:
    found = job(replace(QUICK, layers="3"))
    found.run()
    assert found.state.problem == "Layers '3' of a model with 1: expected distinct numbers 1…1."
