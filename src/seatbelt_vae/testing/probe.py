"""Random inputs and noise for the checks of a model."""

from dataclasses import dataclass

import torch
from torch import Tensor

from seatbelt_vae.protocol import Autoencoder, bounds_of, draw_noise, event_shape_of, modules_of
from seatbelt_vae.randomness import Stream, generator_for

__all__ = ["Probe"]


@dataclass(frozen=True)
class Probe:
    """Inputs and noise; the second of each pair is an independent draw."""

    x: Tensor
    other_x: Tensor
    noise: tuple[Tensor, ...]
    other_noise: tuple[Tensor, ...]

    @classmethod
    def of(cls, model: Autoencoder, batch: int, seed: int, inputs: Tensor | None = None) -> "Probe":
        generator = generator_for(Stream.CHECK_INPUTS, seed)
        like = next(
            (p for m in modules_of(model) for p in m.parameters() if p.is_floating_point()),
            torch.empty(0),
        )
        pair = _inputs(model, batch, generator) if inputs is None else inputs
        x, other_x = pair.to(like).view(2, batch, *event_shape_of(model))
        noise, other_noise = (
            draw_noise(model.latent_sizes, (batch,), generator, like=like) for _ in range(2)
        )
        return cls(x, other_x, noise, other_noise)

    @property
    def draws(self) -> tuple[Tensor, ...]:
        pairs = zip(self.noise, self.other_noise, strict=True)
        return tuple(torch.stack(pair) for pair in pairs)


def _inputs(model: Autoencoder, batch: int, generator: torch.Generator) -> Tensor:
    """Two batches, uniform within the bounds or standard normal where there are none, float64."""
    shape, bounds = (2, batch, *event_shape_of(model)), bounds_of(model)
    if not bounds.finite:
        return bounds.clamp(torch.randn(shape, generator=generator, dtype=torch.float64))
    low, high = bounds
    return low + (high - low) * torch.rand(shape, generator=generator, dtype=torch.float64)
