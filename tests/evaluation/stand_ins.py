"""Autoencoders with measures in closed form, and small random ones."""

from dataclasses import dataclass, field

import torch
from tests.random_models import random_model
from torch import Tensor

from seatbelt_vae.config import ModelConfig, resolve
from seatbelt_vae.distributions import Normal, NormalImage
from seatbelt_vae.models import HierarchicalVAE
from seatbelt_vae.protocol import Noise, Posterior

SHAPE = (1, 16, 16)
VARIANCE = 0.1


@dataclass(frozen=True)
class LinearAutoencoder:
    """q(z|x) = N(Ex, diag s²) and p(x|z) = N(Dz, 0.1 I), with matrices E (d, n) and D (n, d)."""

    encoder: Tensor
    decoder: Tensor
    std: float | Tensor = 0.1
    event_shape: tuple[int, int, int] = SHAPE
    bounds: tuple[float, float] = field(default=(-1.0, 1.0))

    @property
    def latent_sizes(self) -> tuple[int, ...]:
        return (len(self.encoder),)

    def encode(self, x: Tensor, noise: Noise | None = None) -> Posterior:
        mean = x.flatten(1) @ self.encoder.T
        log_variance = torch.as_tensor(self.std).to(mean).expand_as(mean).log() * 2
        q = Normal(mean, log_variance)
        return Posterior((q,), (mean if noise is None else q.sample(noise[0]),))

    def prior(self, z: tuple[Tensor, ...]) -> tuple[Normal, ...]:
        return (Normal(z[0], z[0]).standard_normal(),)

    def decode(self, z: tuple[Tensor, ...]) -> NormalImage:
        image = z[0] @ self.decoder.T
        return NormalImage(image.reshape(*image.shape[:-1], *self.event_shape), VARIANCE)


def identity_autoencoder() -> LinearAutoencoder:
    """The identity map."""
    eye = torch.eye(SHAPE[1] * SHAPE[2], dtype=torch.float64)
    return LinearAutoencoder(eye, eye)


def random_linear(latents: int = 5, seed: int = 0) -> LinearAutoencoder:
    """A random linear autoencoder in float64."""
    generator = torch.Generator().manual_seed(seed)
    pixels = SHAPE[1] * SHAPE[2]
    encoder = torch.randn(latents, pixels, generator=generator, dtype=torch.float64) / pixels**0.5
    decoder = torch.randn(pixels, latents, generator=generator, dtype=torch.float64)
    return LinearAutoencoder(encoder, decoder)


def random_vae(sizes: tuple[int, ...] = (6, 3), likelihood: str = "gaussian") -> HierarchicalVAE:
    """A small hierarchical VAE with random weights, in evaluation mode."""
    config = ModelConfig(
        "seatbelt",
        latent_sizes=sizes,
        filters=(4, 4),
        features=16,
        hierarchy_widths=(8, 8),
        likelihood=likelihood,
    )
    model = random_model(resolve(config, "toy", SHAPE, (-1.0, 1.0)))
    return model.eval().requires_grad_(False)


def random_images(count: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    """Images with pixels uniform in the bounds."""
    generator = torch.Generator().manual_seed(seed)
    return 2 * torch.rand(count, *SHAPE, generator=generator, dtype=dtype) - 1


def attack_rows(pair: int, count: int, **columns: object) -> list[dict[str, object]]:
    """Rows of a suite with fixed numbers."""
    row = {
        "pair": pair,
        "input_index": 2 * pair,
        "target_index": 2 * pair + 1,
        "delta": 4.0,
        "bound": 8.0,
        "divergence": 2.0,
        "divergence_start": 10.0,
        "divergence_floor": 0.0,
        "divergence_ratio": 0.2,
        "distance": 1.0,
        "status": "converged",
    }
    return [row | {"level": 2.0**i} | columns for i in range(count)]
