"""Refinement in float64: small distances of codes that float32 rounds away."""

from dataclasses import replace

import torch
from torch import nn

from seatbelt_vae.attacks import attack
from seatbelt_vae.config import AttackConfig
from tests.attacks.models import Linear, images

LEVELS = torch.tensor([1e-3, 3e-3, 1e-2], dtype=torch.float64)


class Offset(nn.Module, Linear):
    """Codes far from 0, which float32 rounds by about 10⁻⁵."""

    bounds = (-50.0, 50.0)

    def __init__(self) -> None:
        nn.Module.__init__(self)
        Linear.__init__(self, units=8)
        scales = torch.logspace(0, -1.5, 8, dtype=torch.float64)
        a = torch.linalg.qr(self.a.T)[0].T * scales[:, None]
        del self.a
        self.a = nn.Parameter(a.float(), requires_grad=False)
        self.shift = nn.Parameter(torch.tensor(100.0), requires_grad=False)

    def encode(self, x, noise=None):
        posterior = super().encode(x, noise)
        (q,) = posterior.layers
        return replace(posterior, layers=(replace(q, mean=q.mean + self.shift),))


class Foreign:
    """The same model as an object that has no copy in float64."""

    def __init__(self, model):
        self.model, self.a = model, model.a
        self.bounds, self.event_shape = model.bounds, model.event_shape
        self.latent_sizes, self.eval = model.latent_sizes, lambda: self
        self.encode, self.decode, self.prior = model.encode, model.decode, model.prior


def attacked(model):
    x, target = (torch.stack([image, image.flip(-1)]).float() for image in images())
    config = AttackConfig(loss="latent-w2", recheck=0)
    result = attack(model.eval(), x, target, config, levels=LEVELS)
    a = model.a.double()
    nearest = torch.linalg.pinv(a) @ a @ (target - x).flatten(1).double().T
    return result, LEVELS * nearest.norm(dim=0)[:, None]


def true_delta(result, model):
    """Δ of the points in float64."""
    problem, a = result.problem, model.a.double()
    codes = (result.points - problem.target[:, None]).double() @ a.T
    return codes.norm(dim=2) + LEVELS * result.norms.l2


def test_small_distances_are_lowered_in_float64():
    model = Offset()
    refined, least = attacked(model)
    bare, _ = attacked(Foreign(model.eval()))
    excess = [float((true_delta(r, model) / least)[1, 0]) - 1 for r in (refined, bare)]
    assert excess[0] < 5e-4 < 2e-3 < excess[1]
    assert bool((refined.delta <= bare.delta).all())
    assert (refined.status[1][0], refined.start[1][0]) == ("refined", "float64")
    assert refined.points.dtype == torch.float32
    assert bool((refined.evaluations >= bare.evaluations).all())


def test_within_a_budget_a_target_in_reach_is_reached_in_float64():
    """The target's code is within the larger budget; float32 alone stops at its rounding."""
    x, target = (image[None].float() for image in images())
    config = AttackConfig(loss="latent-w2", threat="l2", budgets=(0.1, 0.95), recheck=0)
    ends = []
    for model in (Offset().eval(), Foreign(Offset().eval())):
        result = attack(model, x, target, config)
        codes = (result.points - result.problem.target[:, None]).double() @ model.a.double().T
        ends.append(codes.norm(dim=2)[0].tolist())
        assert bool((result.norms.l2 <= result.levels * (1 + 1e-6)).all())
    (out_of_reach, reached), (same, rounded) = ends
    assert out_of_reach == same > 1  # far from the target there is nothing to refine
    assert reached < 0.01 * rounded
