"""The losses against sums written out by hand, on every path."""

import math

import pytest
import torch
from torch.distributions import Normal as TorchNormal
from torch.distributions import kl_divergence

from seatbelt_vae.attacks import LatentKL, OutputLoss
from tests.attacks.models import Linear, TwoLayers, images


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(3)


@pytest.mark.parametrize("layers", [(0,), (1,), (0, 1)])
def test_latent_kl_on_the_mean_path_is_the_kl_of_each_layer(layers):
    model, (x, target) = TwoLayers(), images()
    bound = LatentKL(layers).bind(model, target, generator())
    parts = bound.parts(torch.stack([x, target]))
    s = math.exp(-0.5)
    m1, t1 = (model.a @ v.flatten() for v in (x, target))
    expected = [
        kl_divergence(TorchNormal(m1, s), TorchNormal(t1, s)).sum(),
        kl_divergence(TorchNormal(model.b @ m1, s), TorchNormal(model.b @ t1, s)).sum(),
    ]
    torch.testing.assert_close(parts[0], torch.stack([expected[i] for i in layers]))
    torch.testing.assert_close(parts[1], torch.zeros(len(layers), dtype=torch.float64))
    assert bound.floor == 0


def test_latent_kl_with_common_noise_averages_over_the_same_draws_on_both_sides():
    model, (x, target) = TwoLayers(), images()
    bound = LatentKL((1,), path="common", draws=5).bind(model, target, generator())
    noise = torch.randn(5, 1, 3, generator=generator(), dtype=torch.float64)
    s = math.exp(-0.5)
    z = [(model.a @ v.flatten() + s * noise[:, 0]) @ model.b.T for v in (x, target)]
    expected = kl_divergence(TorchNormal(z[0], s), TorchNormal(z[1], s)).sum(1).mean()
    torch.testing.assert_close(bound.parts(x[None]), expected.view(1, 1))
    assert bound.parts(target[None]).abs().max() == 0


def test_sampled_path_has_a_noise_floor_and_changes_between_evaluations():
    model, (_, target) = TwoLayers(), images()
    bound = LatentKL((1,), path="sampled", draws=4).bind(model, target, generator())
    first, second = (bound.parts(target[None]).item() for _ in range(2))
    assert first > 0
    assert first != second


def test_output_loss_is_the_negative_elbo_of_the_target():
    model, (x, target) = TwoLayers(), images()
    draws = 6
    bound = OutputLoss(draws=draws).bind(model, target, generator())
    g, s = generator(), math.exp(-0.5)
    e1 = torch.randn(draws, 1, 3, generator=g, dtype=torch.float64)[:, 0]
    e2 = torch.randn(draws, 1, 2, generator=g, dtype=torch.float64)[:, 0]
    m1 = model.a @ x.flatten()
    z1 = m1 + s * e1
    m2 = z1 @ model.b.T
    z2 = m2 + s * e2
    decoded = (z1 + z2 @ model.c.T) @ model.w.T
    likelihood = TorchNormal(decoded, math.sqrt(0.1)).log_prob(target.flatten()).sum(1)
    ratio = TorchNormal(m1, s).log_prob(z1).sum(1) - TorchNormal(z2 @ model.c.T, 1).log_prob(
        z1
    ).sum(1)
    top = kl_divergence(TorchNormal(m2, s), TorchNormal(0.0, 1.0)).sum(1)
    expected = torch.stack([-likelihood.mean(), (ratio + top).mean()])
    torch.testing.assert_close(bound.parts(x[None])[0], expected)


def test_output_loss_floor_is_the_best_likelihood_a_decoder_could_give():
    model, (_, target) = Linear(), images()
    floor = OutputLoss().bind(model, target, generator()).floor
    assert floor == pytest.approx(target.numel() / 2 * math.log(2 * math.pi * 0.1))
