"""The controls beside an attack: random directions of its own size, and probes of the model."""

from dataclasses import replace

import pytest
import torch

from seatbelt_vae.attacks import Problem, attack_pair
from seatbelt_vae.attacks.controls import matched_noise, probe
from seatbelt_vae.config import AttackConfig
from tests.attacks.models import Linear, MaskedGradient, Noisy, Saturated, Training, images

CONFIG = AttackConfig(weight_count=5, restarts=0, recheck=0, max_evaluations=20)


def attacked(model, low=-5.0, high=5.0):
    model.bounds = (low, high)
    x, target = (image.clamp(low, high) for image in images())
    return attack_pair(model, x, target, CONFIG, 0)


def divergence(model, points, target):
    """KL(q(z|x*) ‖ q(z|x_t)) for equal variances, written out."""
    gap = (points - target) @ model.a.T
    return 0.5 * gap.square().sum(-1) / torch.tensor(model.log_variance).exp()


@pytest.mark.parametrize("bounds", [(-5.0, 5.0), (-0.5, 0.5)])
def test_noise_is_never_larger_than_the_attack_and_costs_what_it_says(monkeypatch, bounds):
    model = Linear()
    result = attacked(model, *bounds)
    seen = []
    parts = Problem.parts

    def spy(self, points):
        seen.append(points)
        return parts(self, points)

    monkeypatch.setattr(Problem, "parts", spy)
    noise = matched_noise(result, torch.Generator().manual_seed(0))
    (points,) = seen
    points = points.view(5, -1, points.shape[1])
    sizes = (points - result.problem.x).norm(dim=2)
    assert (sizes <= result.distance[:, None] * (1 + 1e-9)).all()
    assert ((points >= bounds[0]) & (points <= bounds[1])).all()
    if bounds == (-5.0, 5.0):
        assert torch.allclose(sizes, result.distance[:, None].expand_as(sizes))
    else:
        assert (sizes < 0.99 * result.distance[:, None]).any()
    spent = divergence(model, points, result.problem.target) + result.weights[:, None] * sizes
    torch.testing.assert_close(noise, spent.min(dim=1).values)


def test_noise_points_in_many_directions():
    result = attacked(Linear())
    one, same, other = (
        matched_noise(result, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1)
    )
    assert torch.equal(one, same)
    moved = result.distance > 0
    assert not (one == other)[moved].any()
    assert torch.equal(one[~moved], other[~moved])


@pytest.mark.parametrize(
    ("model", "shown"),
    [
        (Linear, {}),
        (Noisy, {"repeatable": False}),
        (MaskedGradient, {"gradient_usable": False}),
        (Saturated, {"clamped_units": 3}),
        (Training, {"training_mode": True}),
    ],
)
def test_a_probe_shows_what_is_wrong_and_nothing_else(model, shown):
    sound = {
        "repeatable": True,
        "gradient_usable": True,
        "clamped_units": 0,
        "training_mode": False,
    }
    found = probe(model(), attacked(model()), torch.Generator().manual_seed(0))
    assert found.__dict__ == sound | shown


def test_one_layer_left_in_training_mode_is_enough():
    model = Training().eval()
    model.add_module("inner", torch.nn.Sequential(torch.nn.BatchNorm1d(2)))
    result = attacked(model)
    assert probe(model, result, torch.Generator()).training_mode
    assert not probe(model.eval(), result, torch.Generator()).training_mode


def test_a_gradient_that_is_not_finite_is_not_usable(monkeypatch):
    result = attacked(Linear())

    def infinite(_self, points, _weights):
        return points.new_zeros(len(points)), torch.full_like(points, torch.inf)

    monkeypatch.setattr(Problem, "value_and_gradient", infinite)
    assert not probe(Linear(), replace(result), torch.Generator()).gradient_usable
