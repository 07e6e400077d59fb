"""Small autoencoders with known answers, and images for them."""

from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from seatbelt_vae import Subject, subject_of_model, wrap
from seatbelt_vae.config import AuditConfig, ModelConfig, resolve
from seatbelt_vae.data import ImageData
from seatbelt_vae.data.in_memory import data_in_memory
from seatbelt_vae.models import HierarchicalVAE
from seatbelt_vae.protocol import Autoencoder

SHAPE = (1, 8, 8)
QUICK = AuditConfig(pairs=2, budgets=(0.1, 0.2), linf_budgets=(8,), gradient_free=20)
"""A short audit: two pairs, three budgets."""


def images(count: int = 24) -> ImageData:
    """Random smooth images in [0.2, 0.8]: distortions do not meet the bounds."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(count, 1, 2, 2, generator=generator)
    smooth = nn.functional.interpolate(coarse, size=SHAPE[1:], mode="bilinear")
    return data_in_memory(0.2 + 0.6 * smooth, (0.0, 1.0))


class Linear(nn.Module):
    """An orthogonal map to codes and back: every distance is kept."""

    def encode(self, x: Tensor) -> Tensor:
        """The flattened input, reversed."""
        return x.flatten(1).flip(1)

    def decode(self, z: Tensor) -> Tensor:
        """The input of a code."""
        return z.flip(1).view(-1, *SHAPE)


class Rounding(Linear):
    """Reconstructions on 16 levels: the gradient is 0 everywhere."""

    def decode(self, z: Tensor) -> Tensor:
        """The rounded input."""
        return (15 * super().decode(z)).round() / 15


class Noisy(Linear):
    """An encoder with hidden noise."""

    def encode(self, x: Tensor) -> Tensor:
        """The code with noise."""
        return super().encode(x) + 0.05 * torch.randn(len(x), 64)


def vae() -> Autoencoder:
    """A random one-layer VAE for images in [0, 1]."""
    settings = ModelConfig(preset="vae", network="mlp", features=16, latent_sizes=(4,))
    torch.manual_seed(0)
    return HierarchicalVAE(resolve(settings, "dsprites", SHAPE, (0.0, 1.0))).eval()


def subject(model: Autoencoder | nn.Module, folder: Path) -> Subject:
    """A subject of a model in memory, with a folder for its results."""
    adapted = model if isinstance(model, Autoencoder) else wrap(model, SHAPE)
    folder.mkdir(parents=True, exist_ok=True)
    return replace(subject_of_model(adapted, "small"), folder=folder)
