"""The clean image's likelihood under input noise, against closed forms and loops."""

import math

import pytest
import torch
from tests.evaluation.stand_ins import (
    VARIANCE,
    LinearAutoencoder,
    random_images,
    random_linear,
    random_vae,
)
from torch import Tensor

from seatbelt_vae.errors import ConfigError
from seatbelt_vae.evaluation.likelihood import image_noise, measure_images
from seatbelt_vae.evaluation.noisy_inputs import SIGMAS, denoising
from seatbelt_vae.randomness import Stream

X = random_images(4)


class Seeing(LinearAutoencoder):
    """A linear autoencoder that records its inputs."""

    seen: list[Tensor]

    def encode(self, x: Tensor, noise: object = None) -> object:
        self.seen.append(x)
        return super().encode(x, noise)


def shown(latents: int, **settings: object) -> list[Tensor]:
    """The inputs of a model with this many latents, one tensor per noise level."""
    random = random_linear(latents)
    model = Seeing(random.encoder, random.decoder)
    object.__setattr__(model, "seen", [])
    denoising(model, X, **settings)
    return model.seen


def test_a_linear_model_in_closed_form() -> None:
    # E‖x − D(E(x + σε) + sη)‖² = ‖x − DEx‖² + σ²‖DE‖² + s²‖D‖², both norms Frobenius
    random, draws = random_linear(latents=2), 4000
    model = LinearAutoencoder(random.encoder, random.decoder / 16, std=0.5)
    found = denoising(model, X, draws=draws, batch=draws)
    flat, product = X.flatten(1), model.decoder @ model.encoder
    residual = flat - flat @ product.T
    for k, sigma in enumerate(SIGMAS):
        spread = sigma**2 * product @ product.T + 0.25 * model.decoder @ model.decoder.T
        error = residual.square().sum(1) + spread.trace()
        expected = -error / (2 * VARIANCE) - 128 * math.log(2 * math.pi * VARIANCE)
        # variance of a Gaussian's squared norm: 2 tr(C²) + 4 rᵀCr
        variance = 2 * spread.square().sum() + 4 * (residual @ spread * residual).sum(1)
        deviation = (found.log_likelihood[k] - expected) / (variance.sqrt() / (2 * VARIANCE))
        assert (deviation.abs() < 4.5 / draws**0.5).all()
        assert deviation.abs().max() > 0
    assert (found.mean.diff() < 0).all()
    torch.testing.assert_close(found.mean[1], found.log_likelihood[1].sum() / 4)


def test_without_noise_it_is_the_log_likelihood() -> None:
    random = random_linear()
    model = LinearAutoencoder(random.encoder, random.decoder / 16, std=1e-9)
    plain = measure_images(model, X, draws=1).log_likelihood
    found = denoising(model, X, [0.0], draws=3)
    torch.testing.assert_close(found.log_likelihood[0], plain, rtol=1e-7, atol=0)


@pytest.mark.parametrize("sizes", [(5,), (6, 4, 3)])
@pytest.mark.parametrize("likelihood", ["gaussian", "bernoulli"])
def test_every_value_equals_a_loop_over_draws(sizes: tuple[int, ...], likelihood: str) -> None:
    model, draws = random_vae(sizes, likelihood).double(), 3
    found = denoising(model, X, [0.0, 0.5], draws=draws, seed=5, batch=2)
    for n, x in enumerate(X):
        sizes = (x.numel(), *model.latent_sizes)
        flat, *noise = image_noise(sizes, x[None], draws, Stream.DENOISING_NOISE, 5, n)
        epsilon = flat.unflatten(2, x.shape)
        for k, sigma in enumerate((0.0, 0.5)):
            values = [
                model.decode(
                    model.encode(x[None] + sigma * epsilon[d], [layer[d] for layer in noise]).z
                ).log_prob(x)
                for d in range(draws)
            ]
            torch.testing.assert_close(found.log_likelihood[k, n], torch.cat(values).mean())


def test_the_noise_is_standard_normal_and_paired() -> None:
    narrow, wide = (shown(latents, draws=100, batch=400) for latents in (2, 7))
    noise = [(a.reshape(100, *X.shape) - X) / s for a, s in zip(narrow, SIGMAS, strict=True)]
    for level, other, model in zip(noise, noise[1:], wide, strict=False):
        torch.testing.assert_close(level, other)  # every level
        torch.testing.assert_close(SIGMAS[0] * level + X, wide[0].reshape(100, *X.shape))
        assert model.shape == (400, 1, 16, 16)
    assert abs(noise[0].mean()) < 4 / noise[0].numel() ** 0.5
    assert abs(noise[0].std() - 1) < 4 / (2 * noise[0].numel()) ** 0.5
    flat = noise[0].flatten(2)
    assert abs((flat[:, 0] * flat[:, 1]).mean()) < 4 / flat[:, 0].numel() ** 0.5  # images
    assert abs((flat[0] * flat[1]).mean()) < 4 / flat[0].numel() ** 0.5  # draws


def test_results_depend_on_the_seed_only() -> None:
    model = random_vae().double()
    first, again = denoising(model, X, draws=3), denoising(model, X, draws=3)
    assert torch.equal(first.log_likelihood, again.log_likelihood)
    torch.manual_seed(1)
    batches = denoising(model, X, draws=3, batch=1).log_likelihood
    torch.testing.assert_close(batches, first.log_likelihood, rtol=1e-12, atol=0)
    torch.testing.assert_close(
        denoising(model, X[:2], [0.5], draws=3).log_likelihood, batches[1:2, :2]
    )
    assert not denoising(model, X, draws=3, seed=1).log_likelihood.isclose(batches).any()
    assert denoising(model.float(), X.float(), draws=3).log_likelihood.dtype == torch.float64


def test_clipping_is_optional() -> None:
    (free,), (clipped,) = (shown(2, sigmas=[1.0], clip=clip) for clip in (False, True))
    assert free.abs().max() > 2
    assert torch.equal(clipped, free.clamp(-1, 1))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sigmas": []}, "no noise level"),
        ({"sigmas": [0.1, -0.5]}, "sigma is -0.5"),
        ({"sigmas": [math.nan]}, "sigma is nan"),
        ({"draws": 0}, "draws is 0"),
    ],
)
def test_invalid_settings_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        denoising(random_linear(), X, **settings)
