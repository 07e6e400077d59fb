"""The strengths on problems whose minimum is known: a convex one solved by its secular equation."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.optimize import brentq

from seatbelt_vae.attacks import attack
from seatbelt_vae.config import AttackConfig
from tests.attacks.models import Linear, MaskedGradient, TwoLayers, images


def attacked(model, seed=1, **settings):
    """The attack on one pair."""
    x, target = (image[None] for image in images(seed))
    return attack(model, x, target, AttackConfig(**settings))


def exact(model: Linear, weight: float) -> float:
    """min over d of ½‖Ad − b‖²/s² + λ‖d‖, with no bound active."""
    x, target = images()
    a = model.a.numpy() * np.exp(-0.5 * model.log_variance)
    b = a @ (target - x).flatten().numpy()
    if np.linalg.norm(a.T @ b) <= weight:
        return 0.5 * b @ b

    def distortion(size: float) -> np.ndarray:
        return np.linalg.solve(a.T @ a + weight / size * np.eye(a.shape[1]), a.T @ b)

    size = brentq(lambda t: np.linalg.norm(distortion(t)) - t, 1e-9, 100, xtol=1e-13)
    d = distortion(size)
    return 0.5 * np.sum((a @ d - b) ** 2) + weight * size


@pytest.mark.parametrize("strength", ["strong", "single", "paper"])
def test_every_protocol_finds_the_minimum_of_a_convex_problem(strength):
    model = Linear()
    result = attacked(model, strength=strength, weight_count=7, restarts=1)
    truth = [exact(model, w) for w in result.levels[0].tolist()]
    start = float(result.problem.divergence_start)
    np.testing.assert_allclose(result.delta[0], truth, rtol=2e-3, atol=1e-5 * start)
    assert not result.exceeds_bound.any()


def test_a_squared_penalty_is_a_ridge_regression():
    model, (x, target) = Linear(), images()
    result = attacked(model, threat="squared-penalty", weight_count=7, restarts=1)
    a = model.a.numpy() * np.exp(-0.5 * model.log_variance)
    b = a @ (target - x).flatten().numpy()
    for weight, delta in zip(result.levels[0].tolist(), result.delta[0].tolist(), strict=True):
        d = np.linalg.solve(a.T @ a + 2 * weight * np.eye(16), a.T @ b)
        truth = 0.5 * np.sum((a @ d - b) ** 2) + weight * d @ d
        assert delta == pytest.approx(truth, rel=2e-3)


def test_strong_reports_exactly_zero_distortion_where_that_is_the_minimum():
    result = attacked(Linear())
    zero = result.levels[0] > result.problem.gradient_norm[0]
    assert zero.any()
    assert (result.norms.l2[0, zero] == 0).all()
    assert {s for s, z in zip(result.status[0], zero, strict=True) if z} == {"stationary at 0"}


@pytest.mark.parametrize("loss", ["latent-kl", "output"])
def test_strong_curve_is_rising_concave_and_below_the_trivial_bound(loss):
    result = attacked(TwoLayers(), loss=loss, weight_count=12, restarts=1)
    w, delta = result.levels[0], result.delta[0]
    slope = delta.diff() / w.diff()
    tolerance = 1e-9 * result.problem.span
    assert (delta.diff() >= -tolerance).all()
    assert (slope.diff() <= 1e-9).all()
    assert (delta <= result.bound + tolerance).all()
    assert (result.adversarial.abs() <= 5).all()


def test_levels_that_share_a_minimum_are_not_descended_one_by_one():
    """Far below the bend every λ has nearly the same minimum; two of them settle the others."""
    model, (x, target) = Linear(), (image[None] for image in images())
    levels = torch.logspace(-4, -1, 25, dtype=torch.float64)
    result = attack(model, x, target, AttackConfig(restarts=1, recheck=0), levels=levels)
    raced = result.delta_raw[0].isnan()
    assert raced.sum() >= 12
    assert not raced[[0, -1]].any()
    assert (result.evaluations[0, raced] <= 24).all()
    truth = torch.tensor([exact(model, level) for level in levels.tolist()])
    torch.testing.assert_close(result.delta[0], truth.double(), rtol=1e-2, atol=0)
    assert float(result.raw_violation) < 1e-3


@pytest.mark.parametrize("loss", ["latent-kl", "latent-symmetric-kl", "output"])
def test_strong_is_never_above_single(loss):
    strong, single = (
        attacked(TwoLayers(), seed=8, loss=loss, strength=strength, weight_count=9)
        for strength in ("strong", "single")
    )
    assert (strong.delta <= single.delta + 1e-4 * strong.problem.span[:, None]).all()


def test_rows_evaluate_to_what_they_say():
    result = attacked(TwoLayers(), weight_count=5, restarts=0)
    of = torch.zeros(5, dtype=torch.long)
    torch.testing.assert_close(result.problem.parts(result.points[0], of), result.parts[0])
    x, target = images()
    reach = float((target - x).norm())
    for k, row in enumerate(result.rows(0)):
        size = float((result.adversarial[0, k] - x).norm())
        largest = float((result.adversarial[0, k] - x).abs().max())
        assert row["delta"] == pytest.approx(row["divergence"] + row["level"] * size)
        assert row["divergence"] == pytest.approx(sum(row["divergence_parts"]))
        assert (row["distance"], row["distance_max"]) == pytest.approx((size, largest))
        assert row["distance_relative"] == pytest.approx(size / reach)
        relative = row["level"] * reach / row["divergence_start"]
        assert row["level_relative"] == pytest.approx(relative)
        assert row["divergence_ratio"] == pytest.approx(row["divergence"] / row["divergence_start"])


def test_raw_violation_sees_a_curve_that_falls_or_sags():
    result = attacked(Linear(), weight_count=9, restarts=0)
    assert (result.raw_violation < 1e-3).all()
    raw = result.delta_raw.clone()
    raw[0, 2] += 0.1 * result.problem.span[0]
    assert (replace(result, delta_raw=raw).raw_violation > 0.01).all()


def test_raw_violation_within_budgets_sees_a_curve_that_rises():
    result = attacked(Linear(), threat="l2", restarts=0)
    assert (result.raw_violation < 1e-3).all()
    raw = result.delta_raw.clone()
    raw[0, 2] = raw[0, 1] + 0.1 * result.problem.span[0]
    assert (replace(result, delta_raw=raw).raw_violation > 0.01).all()


def test_masked_gradient_leaves_the_attack_at_the_trivial_bound():
    result = attacked(MaskedGradient(), weight_count=5, restarts=1)
    assert (result.problem.gradient_norm == 0).all()
    assert not result.exceeds_bound.any()


def test_offered_points_are_taken_where_they_are_better_and_nowhere_else():
    result = attacked(TwoLayers(), strength="single", max_evaluations=2, weight_count=6)
    _, target = images()
    better, delta = result.with_points(target.flatten()[None, None], "given")
    reach = result.problem.image_norms.l2
    torch.testing.assert_close(
        delta, result.levels * reach + delta.new_tensor(0), atol=1e-9, rtol=0
    )
    taken = delta < result.delta
    assert taken.any()
    assert not taken.all()
    torch.testing.assert_close(better.delta, torch.minimum(result.delta, delta))
    for k, new in enumerate(taken[0].tolist()):
        assert (better.start[0][k], better.status[0][k]) == (
            ("given", "control") if new else (result.start[0][k], result.status[0][k])
        )
        expected = target.flatten() if new else result.points[0, k]
        assert torch.equal(better.points[0, k], expected)
