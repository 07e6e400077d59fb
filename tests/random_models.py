"""Hierarchical VAEs with random weights."""

import torch

from seatbelt_vae.config.model import Architecture
from seatbelt_vae.models import HierarchicalVAE
from seatbelt_vae.models.networks import GaussianHead


def random_model(architecture: Architecture, seed: int = 0) -> HierarchicalVAE:
    """A VAE whose layers depend on each other, as after training and unlike at its start."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = HierarchicalVAE(architecture)
        for module in model.modules():
            if isinstance(module, GaussianHead):
                module.reset_parameters()
    return model
