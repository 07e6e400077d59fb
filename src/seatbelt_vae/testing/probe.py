"""The random images and noise that a model is tried on."""

from dataclasses import dataclass

import torch
from torch import Tensor

from seatbelt_vae.protocol import Autoencoder, draw_noise, modules_of
from seatbelt_vae.randomness import Stream, generator_for

__all__ = ["Probe"]


@dataclass(frozen=True)
class Probe:
    """Images and noise; the second of each pair is drawn like the first and differs from it."""

    x: Tensor
    other_x: Tensor
    noise: tuple[Tensor, ...]
    other_noise: tuple[Tensor, ...]

    @classmethod
    def of(cls, model: Autoencoder, batch: int, seed: int) -> "Probe":
        generator = generator_for(Stream.CHECK_INPUTS, seed)
        like = next(
            (p for m in modules_of(model) for p in m.parameters() if p.is_floating_point()),
            torch.empty(0),
        )
        low, high = model.bounds
        units = torch.rand(2, batch, *model.image_shape, generator=generator, dtype=torch.float64)
        x, other_x = (low + (high - low) * units).to(like)
        noise, other_noise = (
            draw_noise(model.latent_sizes, (batch,), generator, like=like) for _ in range(2)
        )
        return cls(x, other_x, noise, other_noise)

    @property
    def draws(self) -> tuple[Tensor, ...]:
        pairs = zip(self.noise, self.other_noise, strict=True)
        return tuple(torch.stack(pair) for pair in pairs)
