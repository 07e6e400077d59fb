"""Hierarchical VAEs with random weights."""

from contextlib import AbstractContextManager
from unittest import mock

import torch

from seatbelt_vae.config.model import Architecture
from seatbelt_vae.models import HierarchicalVAE, hierarchical
from seatbelt_vae.models.networks import GaussianHead


def random_heads() -> AbstractContextManager[object]:
    """A context in which models start with random log-variances between layers, too."""
    return mock.patch.object(hierarchical, "unit_variance_head", GaussianHead)


def random_model(architecture: Architecture, seed: int = 0) -> HierarchicalVAE:
    """A VAE whose layers depend on each other, as after training and unlike at its start."""
    with torch.random.fork_rng(devices=[]), random_heads():
        torch.manual_seed(seed)
        return HierarchicalVAE(architecture)
