"""Defences that hide the gradient, or that make a model worse."""

from dataclasses import dataclass

import torch
from torch import Tensor

from seatbelt_vae.defences import Wrapper
from seatbelt_vae.protocol import Autoencoder, Posterior


@dataclass(frozen=True, eq=False)
class Rounded(Wrapper):
    """Inputs on 32 levels: the gradient is zero everywhere, and nothing else changes."""

    def encode(self, x: Tensor, noise=None) -> Posterior:
        """The codes of the rounded input."""
        return self.inner.encode((31 * x).round() / 31, noise)


@dataclass(frozen=True, eq=False)
class Fragile(Wrapper):
    """Adds a multiple of the difference of two pixels that are alike in every image."""

    def encode(self, x: Tensor, noise=None) -> Posterior:
        """The codes of the moved input."""
        difference = (x[:, :, :1, :1] - x[:, :, :1, 1:2]) * 8
        wave = torch.linspace(-1, 1, x[0].numel()).view(x.shape[1:])
        return self.inner.encode(x + difference * wave, noise)


def rounded(model: Autoencoder) -> Rounded:
    """The model behind `Rounded`."""
    return Rounded(model)


def fragile(model: Autoencoder) -> Fragile:
    """The model behind `Fragile`."""
    return Fragile(model)


def no_model(model: Autoencoder) -> int:
    """No model at all."""
    del model
    return 3
