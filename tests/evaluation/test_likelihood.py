"""Bounds and divergences of held-out images, against linear-Gaussian closed forms and loops."""

import math
from dataclasses import replace

import pytest
import torch
from tests.evaluation.stand_ins import (
    VARIANCE,
    LinearAutoencoder,
    random_images,
    random_linear,
    random_vae,
)
from torch.distributions import MultivariateNormal
from torch.distributions import Normal as TorchNormal

from seatbelt_vae.evaluation.gap import reconstruct
from seatbelt_vae.evaluation.likelihood import image_noise, measure_images
from seatbelt_vae.objectives import log_weights
from seatbelt_vae.objectives.elbo import ACTIVE
from seatbelt_vae.randomness import Stream

X = random_images(4)


def test_elbo_and_iwae_of_a_linear_model_in_closed_form() -> None:
    random = random_linear(latents=2)
    model = LinearAutoencoder(random.encoder, random.decoder / 16, std=0.5)
    found = measure_images(model, X, draws=4000, batch=4000)
    flat, product = X.flatten(1), model.decoder @ model.encoder
    spread = model.std**2 * model.decoder.square().sum()
    error = (flat - flat @ product.T).square().sum(1) + spread
    log_likelihood = -error / (2 * VARIANCE) - 128 * math.log(2 * math.pi * VARIANCE)
    mean = flat @ model.encoder.T
    kl = 0.5 * (mean.square() + model.std**2 - 1 - 2 * math.log(model.std))
    torch.testing.assert_close(found.divergence_units[0], kl)
    slope = (flat - flat @ product.T) @ model.decoder / VARIANCE
    noise = 5 * model.std * slope.norm(dim=1) / 4000**0.5 + 0.02
    assert ((found.log_likelihood - log_likelihood).abs() < noise).all()
    assert ((found.elbo - log_likelihood + kl.sum(1)).abs() < noise).all()

    assert (found.elbo < found.iwae).all()
    assert found.sigma_norm.tolist() == [pytest.approx([0.5 * 2**0.5])] * 4


def test_at_the_exact_posterior_iwae_is_the_log_likelihood_of_the_image() -> None:
    # orthogonal columns of length ½: the exact posterior is N(DᵀX / (¼ + 0.1), 0.1/(¼ + 0.1) I)
    columns = torch.linalg.qr(random_linear(latents=2).decoder).Q / 2
    model = LinearAutoencoder(columns.T / 0.35, columns, std=(0.1 / 0.35) ** 0.5)
    found = measure_images(model, X, draws=500, batch=2000)
    covariance = columns @ columns.T + VARIANCE * torch.eye(256, dtype=X.dtype)
    exact = MultivariateNormal(torch.zeros(256, dtype=X.dtype), covariance).log_prob(X.flatten(1))
    torch.testing.assert_close(found.iwae, exact, rtol=1e-10, atol=0)
    torch.testing.assert_close(found.elbo, exact, rtol=0, atol=0.3)


@pytest.mark.parametrize("sizes", [(5,), (6, 4, 3)])
def test_every_term_equals_a_loop_over_draws(sizes: tuple[int, ...]) -> None:
    model, x, draws = random_vae(sizes).double(), X, 3
    found = measure_images(model, x, draws=draws, seed=5)
    noise = image_noise(model.latent_sizes, x, draws, Stream.BOUND_NOISE, 5, 0)
    weights, elbos = [], []
    units = [torch.zeros(len(x), d, dtype=x.dtype) for d in sizes]
    for k in range(draws):
        posterior = model.encode(x, [n[k] for n in noise])
        prior = model.prior(posterior.z)
        likelihood = model.decode(posterior.z).log_prob(x)
        weight, elbo = likelihood.clone(), likelihood.clone()
        for i, (q, p, z) in enumerate(zip(posterior.layers, prior, posterior.z, strict=True)):
            log_q = TorchNormal(q.mean, q.std).log_prob(z)
            log_p = TorchNormal(p.mean, p.std).log_prob(z)
            weight -= (log_q - log_p).sum(1)
            term = log_q - log_p
            if i == len(sizes) - 1:
                term = torch.distributions.kl_divergence(
                    TorchNormal(q.mean, q.std), TorchNormal(p.mean, p.std)
                )
            elbo -= term.sum(1)
            units[i] += term / draws
        weights.append(weight)
        elbos.append(elbo)
    torch.testing.assert_close(found.elbo, torch.stack(elbos).mean(0))
    peak = torch.stack(weights).amax(0)
    expected = peak + (torch.stack(weights) - peak).exp().mean(0).log()
    torch.testing.assert_close(found.iwae, expected)
    library = log_weights(model, x, noise).logsumexp(0) - math.log(draws)
    torch.testing.assert_close(found.iwae, library)
    for mine, loop in zip(found.divergence_units, units, strict=True):
        torch.testing.assert_close(mine, loop)
    assert found.divergences == pytest.approx([u.sum(1).mean().item() for u in units])
    active = [sum(float(v) > ACTIVE for v in u.mean(0)) for u in units]
    assert found.active_units == active
    torch.testing.assert_close(found.reconstruction, reconstruct(model, x))
    mean_path = model.encode(x)
    for i, q in enumerate(mean_path.layers):
        torch.testing.assert_close(found.sigma_norm[:, i], q.variance.sum(1).sqrt())


def test_batches_do_not_change_the_numbers() -> None:
    model = random_vae().double()
    whole = measure_images(model, X, draws=3, batch=12)
    single = measure_images(model, X, draws=3, batch=1)
    torch.testing.assert_close(whole.iwae, single.iwae)
    torch.testing.assert_close(whole.divergence_units[0], single.divergence_units[0])


def test_progress_reaches_the_end() -> None:
    seen: list[tuple[int, int]] = []
    measure_images(
        random_linear(), X, draws=2, batch=6, on_progress=lambda *done: seen.append(done)
    )
    assert seen == [(3, 4), (4, 4)]


def test_a_unit_at_its_prior_is_not_active() -> None:
    model = random_linear(latents=3)
    model.encoder[1:] *= 0
    still = type(model)(model.encoder, model.decoder, std=1.0)
    found = measure_images(still, X, draws=2)
    assert found.active_units == [1]
    (means,) = found.unit_means
    floor = means.max().item()
    assert replace(found, free_bits=floor - 0.02).active_units == [1]
    assert replace(found, free_bits=floor).active_units == [0]
