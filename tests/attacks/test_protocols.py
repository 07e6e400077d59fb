"""The protocols on problems whose minimum is known: a convex one solved by its secular equation."""

import numpy as np
import pytest
import torch
from scipy.optimize import brentq

from seatbelt_vae.attacks import attack, attack_pair
from seatbelt_vae.attacks.attack import loss_of
from seatbelt_vae.attacks.problem import Problem
from seatbelt_vae.config import AttackConfig
from seatbelt_vae.errors import DataError, ShapeError
from tests.attacks.models import Linear, MaskedGradient, TwoLayers, images


def exact(model: Linear, x, target, weight: float) -> float:
    """min over d of ½‖Ad − b‖²/s² + λ‖d‖, with no bound active."""
    scale = np.exp(-0.5 * model.log_variance)
    a = model.a.numpy() * scale
    b = a @ (target - x).flatten().numpy()
    if np.linalg.norm(a.T @ b) <= weight:
        return 0.5 * b @ b

    def distortion(size: float) -> np.ndarray:
        return np.linalg.solve(a.T @ a + weight / size * np.eye(a.shape[1]), a.T @ b)

    size = brentq(lambda t: np.linalg.norm(distortion(t)) - t, 1e-9, 100, xtol=1e-13)
    d = distortion(size)
    return 0.5 * np.sum((a @ d - b) ** 2) + weight * size


@pytest.mark.parametrize("protocol", ["strong", "single", "paper"])
def test_every_protocol_finds_the_minimum_of_a_convex_problem(protocol):
    model, (x, target) = Linear(), images()
    config = AttackConfig(protocol=protocol, weight_count=7, restarts=1)
    result = attack_pair(model, x, target, config, pair=0)
    truth = [exact(model, x, target, w) for w in result.weights.tolist()]
    start = result.problem.divergence_start
    np.testing.assert_allclose(result.delta, truth, rtol=2e-3, atol=1e-5 * start)
    assert not result.exceeds_bound.any()


def test_strong_reports_exactly_zero_distortion_where_that_is_the_minimum():
    model, (x, target) = Linear(), images()
    result = attack_pair(model, x, target, AttackConfig(weight_count=29), pair=0)
    zero = result.weights > result.problem.gradient_norm
    assert zero.any()
    assert (result.distance[zero] == 0).all()
    assert {s for s, z in zip(result.status, zero, strict=True) if z} == {"stationary at 0"}


def test_gradient_norm_is_projected_on_the_tangent_cone_of_the_box():
    model, (x, target) = Linear(), images()
    model.bounds = (-1.0, 1.0)
    x, target = (5 * x).clamp(-1, 1), (0.3 * target).clamp(-1, 1)
    config = AttackConfig()
    problem = Problem.of(model, loss_of(config, 1), x, target, torch.Generator())
    scale = np.exp(-model.log_variance)
    downhill = scale * (model.a.T @ (model.a @ (target - x).flatten())).numpy()
    flat = x.flatten().numpy()
    blocked = ((flat == 1) & (downhill > 0)) | ((flat == -1) & (downhill < 0))
    assert blocked.any()
    expected = np.linalg.norm(np.where(blocked, 0, downhill))
    assert problem.gradient_norm == pytest.approx(expected)


@pytest.mark.parametrize("loss", ["latent-kl", "output"])
def test_strong_curve_is_rising_concave_and_below_the_trivial_bound(loss):
    model, (x, target) = TwoLayers(), images()
    config = AttackConfig(loss=loss, weight_count=12, restarts=1)
    result = attack_pair(model, x, target, config, pair=0)
    w, delta = result.weights, result.delta
    slope = (delta[1:] - delta[:-1]) / (w[1:] - w[:-1])
    tolerance = 1e-9 * result.problem.span
    assert (delta[1:] >= delta[:-1] - tolerance).all()
    assert (slope[1:] <= slope[:-1] + 1e-9).all()
    assert (result.delta <= result.bound + tolerance).all()
    assert (result.adversarial >= -5).all()
    assert (result.adversarial <= 5).all()


def test_strong_is_never_above_single():
    model, (x, target) = TwoLayers(), images(seed=8)
    results = [
        attack_pair(model, x, target, AttackConfig(loss="output", protocol=p, weight_count=9), 0)
        for p in ("strong", "single")
    ]
    span = results[0].problem.span
    assert (results[0].delta <= results[1].delta + 1e-4 * span).all()


def test_rows_evaluate_to_what_they_say():
    model, (x, target) = TwoLayers(), images()
    result = attack_pair(model, x, target, AttackConfig(weight_count=5, restarts=0), pair=0)
    parts = result.problem.parts(result.adversarial)
    torch.testing.assert_close(parts, result.parts)
    for row, weight, image in zip(result.rows(), result.weights, result.adversarial, strict=True):
        size = (image - x.flatten()).norm()
        assert row["delta"] == pytest.approx(float(row["divergence"] + weight * size))
        assert row["divergence"] == pytest.approx(sum(row["divergence_parts"]))
        assert row["distance"] == pytest.approx(float(size))


def test_same_seed_same_numbers_and_pairs_are_independent():
    model, (x, target) = TwoLayers(), images()
    config = AttackConfig(weight_count=4, restarts=2)
    alone = attack_pair(model, x, target, config, pair=1)
    among = attack(model, torch.stack([target, x]), torch.stack([x, target]), config)[1]
    assert torch.equal(alone.adversarial, among.adversarial)
    assert torch.equal(alone.delta, among.delta)


def test_raw_violation_sees_a_curve_that_falls_or_sags():
    model, (x, target) = Linear(), images()
    result = attack_pair(model, x, target, AttackConfig(weight_count=9, restarts=0), pair=0)
    assert result.raw_violation < 1e-3
    span = result.problem.span
    raw = result.delta_raw.clone()
    raw[2] += 0.1 * span
    broken = result.__class__(**{**result.__dict__, "delta_raw": raw})
    assert broken.raw_violation > 0.01


def test_masked_gradient_leaves_the_attack_at_the_trivial_bound():
    model, (x, target) = MaskedGradient(), images()
    result = attack_pair(model, x, target, AttackConfig(weight_count=5, restarts=1), pair=0)
    assert result.problem.gradient_norm == 0
    assert not result.exceeds_bound.any()


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        (lambda x, t: (x[:, :, :2], t), ShapeError, r"inputs of shape \(1, 1, 2, 4\)"),
        (
            lambda x, t: (x * 100, t),
            DataError,
            r"input image has values from .* inside the model's",
        ),
        (lambda x, t: (x, t * torch.nan), DataError, "target image has values from nan to nan"),
        (lambda x, _: (x, x), DataError, "input and target of pair 0 are the same image"),
    ],
)
def test_bad_images_are_named(change, error, text):
    x, target = (v[None] for v in images())
    with pytest.raises(error, match=text):
        attack(Linear(), *change(x, target))
