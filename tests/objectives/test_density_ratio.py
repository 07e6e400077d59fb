"""FactorVAE's discriminator: a known TC, and no gradient of its loss to the encoder."""

import math

import pytest
import torch

from seatbelt_vae.config import ModelConfig, ObjectiveConfig, resolve
from seatbelt_vae.models import HierarchicalVAE
from seatbelt_vae.objectives import Objective, PenaltySetup, density_ratio
from seatbelt_vae.objectives.density_ratio import DensityRatio, shuffled
from seatbelt_vae.protocol import draw_noise


def correlated(count, correlation, seed):
    """Pairs of standard normal units, whose TC is −½ log(1 − ρ²)."""
    z = torch.randn(count, 2, generator=torch.Generator().manual_seed(seed))
    z[:, 1] = correlation * z[:, 0] + math.sqrt(1 - correlation**2) * z[:, 1]
    return z


def test_a_trained_discriminator_finds_the_total_correlation_of_a_gaussian(monkeypatch):
    monkeypatch.setattr(density_ratio, "_WIDTH", 64)
    monkeypatch.setattr(density_ratio, "_HIDDEN", 2)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        ratio = DensityRatio(2)
    optimizer = torch.optim.Adam(ratio.parameters(), lr=2e-3)
    for step in range(500):
        codes, others = (correlated(1024, 0.8, 2 * step + i) for i in range(2))
        optimizer.zero_grad()
        ratio.loss(codes, shuffled(others, torch.Generator().manual_seed(step))).backward()
        optimizer.step()
    with torch.no_grad():
        found = ratio(correlated(20_000, 0.8, 10**6)).mean().item()
    assert found == pytest.approx(-0.5 * math.log(1 - 0.8**2), abs=0.05)


def test_the_network_is_the_published_one():
    shapes = [tuple(p.shape) for p in DensityRatio(3).parameters() if p.ndim == 2]
    assert shapes == [(1000, 3), *[(1000, 1000)] * 5, (1, 1000)]


def test_a_constant_discriminator_has_loss_log_two():
    ratio = DensityRatio(3)
    for parameter in ratio.parameters():
        torch.nn.init.zeros_(parameter)
    z = torch.randn(8, 3)
    assert ratio.loss(z, z).item() == pytest.approx(math.log(2))
    assert (ratio(z) == 0).all()


def test_the_loss_rewards_a_logit_that_is_high_on_codes():
    class Known(DensityRatio):
        def forward(self, z):
            return z[:, 0]

    codes, others = torch.tensor([[2.0], [3.0]]), torch.tensor([[-1.0]])
    joint = (math.log1p(math.exp(-2)) + math.log1p(math.exp(-3))) / 2
    expected = 0.5 * (joint + math.log1p(math.exp(-1)))
    assert Known(1).loss(codes, others).item() == pytest.approx(expected)


def test_the_loss_has_no_gradient_to_the_codes():
    z = torch.randn(6, 3, requires_grad=True)
    assert DensityRatio(3)(z).requires_grad
    DensityRatio(3).loss(z, 2 * z).backward()
    assert z.grad is None


def test_shuffling_permutes_every_unit_independently():
    z = torch.arange(400.0).view(100, 4)
    moved = shuffled(z, torch.Generator().manual_seed(0))
    rows = (moved // 4).long()
    assert all((rows[:, j].sort().values == torch.arange(100)).all() for j in range(4))
    assert (moved % 4 == torch.arange(4)).all()
    assert len({tuple(rows[:, j].tolist()) for j in range(4)}) == 4


def factor_terms(**settings):
    model = HierarchicalVAE(
        resolve(ModelConfig("factor-vae", network="mlp", features=8), "toy", (1, 1, 2), (-1.0, 1.0))
    )
    setup = PenaltySetup((32,), 100, ObjectiveConfig(**settings))
    objective = Objective.of("factor-vae", setup)
    ratio = objective.penalties[0].loss.ratio
    noise = draw_noise((32,), (16,), torch.Generator().manual_seed(0))
    x = torch.rand(16, 1, 1, 2) * 2 - 1
    return model, ratio, objective(model, x, noise)


def test_factor_vae_is_the_elbo_less_beta_minus_one_times_the_log_ratio():
    _, ratio, terms = factor_terms(beta=4.0)
    tc = ratio(terms.code).mean()
    assert terms.penalties["total_correlation"].item() == pytest.approx(tc.item())
    torch.testing.assert_close(terms.objective, terms.elbo - 3 * tc)


def test_factor_vae_at_beta_one_is_its_elbo():
    _, _, terms = factor_terms(beta=1.0)
    assert not terms.penalties
    assert terms.objective.item() == terms.elbo.item()


def test_the_penalty_has_gradients_to_the_encoder_but_not_to_the_discriminator():
    model, ratio, terms = factor_terms(beta=1000.0)
    tc = terms.penalties["total_correlation"]
    (gradient,) = torch.autograd.grad(tc, [model.posterior_head.weight], retain_graph=True)
    assert gradient.abs().sum() > 0
    (-terms.objective).backward()
    assert all(parameter.grad is None for parameter in ratio.parameters())
