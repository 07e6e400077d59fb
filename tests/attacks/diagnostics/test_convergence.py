"""The recheck of an attack: it flags a weak attack, spares a converged one, and is bounded."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from seatbelt_vae.attacks import FunctionLoss, attack, checked_attack
from seatbelt_vae.attacks.diagnostics import convergence
from seatbelt_vae.attacks.diagnostics.convergence import recheck
from seatbelt_vae.attacks.diagnostics.flags import _convergence
from seatbelt_vae.attacks.methods import strong
from seatbelt_vae.config import AttackConfig, ModelConfig, resolve
from seatbelt_vae.models import HierarchicalVAE
from seatbelt_vae.randomness import generator_for
from tests.attacks.models import Linear, images

KEYS = [(0, 0), (0, 1), (0, 2)]
BARE = AttackConfig(weight_count=9, recheck=0, gradient_free=0)
SHAPE = (1, 8, 8)


@pytest.fixture(scope="module")
def network():
    """An MLP with large weights, whose losses have many local minima."""
    torch.manual_seed(3)
    settings = ModelConfig("vae", network="mlp", features=24, latent_sizes=(4,))
    model = HierarchicalVAE(resolve(settings, "toy", SHAPE, (-1.0, 1.0)))
    with torch.no_grad():
        for weight in model.parameters():
            weight *= 2.5 if weight.ndim > 1 else 1
    return model.eval()


@pytest.fixture(scope="module")
def pairs():
    """Three inputs and three targets."""
    return torch.rand(2, 3, *SHAPE, generator=torch.Generator().manual_seed(0)) * 2 - 1


def linear(**settings):
    """An attack on one pair of a linear model that stopped early, and its config."""
    x, target = (image[None] for image in images())
    config = replace(BARE, restarts=0, **settings)
    return attack(Linear(), x, target, config), replace(config, recheck=0.1)


def raised(before, config):
    """Whether the recheck of an attack raises the flag."""
    after = recheck(before, replace(config, recheck=0.1), KEYS)
    return _convergence(after.unconverged.tolist()).raised


def test_a_converged_attack_is_not_flagged(network, pairs):
    flags = checked_attack(network, *pairs, replace(BARE, recheck=0.1)).flags
    (found,) = (flag for flag in flags if flag.name == "not converged")
    assert not found.raised
    assert found.detail.startswith("new starts lower")


def test_rows_that_stay_at_the_target_are_flagged(network, pairs):
    """A distance of posteriors has a kink there, which hides shorter distortions."""
    config = replace(BARE, loss="latent-w2", restarts=0, max_evaluations=60)
    before = attack(network, *pairs, replace(config, max_evaluations=1))
    assert "target" in before.start[0]
    assert raised(before, config)


@pytest.mark.parametrize("threat", ["l2", "linf"])
@pytest.mark.parametrize("loss", ["damage-posterior", "damage-reconstruction"])
def test_untargeted_damage_from_one_start_is_flagged(network, pairs, loss, threat):
    config = replace(BARE, loss=loss, threat=threat, weight_count=None, max_evaluations=100)
    before = attack(network, pairs[0], None, replace(config, strength="single"))
    assert raised(before, config)


def test_the_worst_row_is_reported_and_better_points_are_kept(network, pairs):
    config = replace(BARE, loss="latent-w2", restarts=0, recheck=0.1, max_evaluations=60)
    before = attack(network, *pairs, replace(config, recheck=0, max_evaluations=1))
    after = recheck(before, config, KEYS)
    scale = 1e-3 * before.problem.divergence_start[:, None].numpy()
    falls = np.log((before.delta.numpy() + scale) / (after.delta.numpy() + scale))
    np.testing.assert_allclose(after.unconverged, falls.max(1))
    assert (falls >= 0).all()
    assert falls.max() > 0.1
    assert any("recheck" in row for row in after.start)


def test_a_fall_of_a_loss_without_a_floor_is_that_of_its_gain():
    def code_norm(model, images, *_):
        return 10 - model.encode(images).z[0].norm(dim=1)

    loss = FunctionLoss(code_norm, floor=None)
    x, target = (image[None] for image in images())
    levels = torch.tensor([0.1, 0.2, 0.3])
    config = replace(BARE, restarts=0, max_evaluations=1)
    before = attack(Linear(), x, target, config, loss=loss, levels=levels)
    after = recheck(before, replace(config, recheck=0.1, max_evaluations=20), KEYS[:1])
    old, new = (before.problem.divergence_start[:, None] - found.delta for found in (before, after))
    falls = ((new + 1e-3 * new.max()) / (old + 1e-3 * old.max())).log()
    assert float(after.unconverged) == pytest.approx(float(falls.max()))
    assert float(falls.max()) > 0.1


@pytest.mark.parametrize(("share", "rows"), [(0.01, 3), (0.5, 6), (1.0, 12)])
def test_the_cost_is_two_descents_of_twice_the_evaluations_per_row(share, rows):
    before, config = linear(weight_count=12, max_evaluations=2)
    after = recheck(before, replace(config, recheck=share), KEYS[:1])
    spent = (after.evaluations - before.evaluations)[0]
    assert int((spent > 0).sum()) == rows
    assert int(spent.max()) == 2 * 2 * config.max_evaluations
    assert int(spent.sum()) > 2 * rows * config.max_evaluations


def test_rows_that_stay_at_the_input_come_last():
    before, config = linear(weight_count=5)
    stay = torch.tensor([status == "stationary at 0" for status in before.status[0]])
    assert stay.tolist() == [False, False, False, False, True]
    for seed in range(5):
        spent = (recheck(before, config, [(seed, 0)]).evaluations - before.evaluations)[0]
        assert int((spent > 0).sum()) == 3
        assert not spent[stay].any()


def test_no_random_stream_of_the_attack_is_used(monkeypatch):
    used = {"attack": set(), "recheck": set()}

    def recorder(name):
        def record(stream, *key):
            used[name].add(stream)
            return generator_for(stream, *key)

        return record

    monkeypatch.setattr(strong, "generator_for", recorder("attack"))
    monkeypatch.setattr(convergence, "generator_for", recorder("recheck"))
    before, config = linear(max_evaluations=20)
    recheck(before, config, KEYS[:1])
    assert used["attack"]
    assert used["recheck"]
    assert not used["attack"] & used["recheck"]


def test_a_pair_whose_loss_is_not_finite_far_away_counts_its_other_ends():
    def loss(_, images, target, *noise):
        assert noise == (None,)
        r = (images - target).square().flatten(1).sum(1)
        return r.masked_fill(r > 60, torch.nan)

    sides = (torch.stack(side) for side in zip(images(1), images(2), strict=True))
    config = replace(BARE, restarts=0, max_evaluations=3)
    levels = torch.tensor([0.1, 0.2, 0.3])
    before = attack(Linear(), *sides, config, loss=FunctionLoss(loss, floor=0.0), levels=levels)
    after = recheck(before, replace(config, recheck=1), KEYS[:2])
    assert after.delta.isfinite().all()
    assert (after.delta <= before.delta).all()
