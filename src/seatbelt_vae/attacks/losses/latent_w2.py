"""``latent-w2``: the 2-Wasserstein distance of posteriors, summed over layers, latent units."""

from seatbelt_vae.attacks.losses._bound import Loss
from seatbelt_vae.attacks.losses._latent import LatentLoss
from seatbelt_vae.config import AttackConfig

__all__ = ["loss"]

DECLARATION = {"layers": True}


def loss(config: AttackConfig, layers: tuple[int, ...]) -> Loss:
    """Create the loss from the settings of an attack; layers count from 1."""
    return LatentLoss(layers, "w2", path=config.path_used, draws=config.draws)
