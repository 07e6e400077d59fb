"""``latent-symmetric-kl``: the mean of the KL and its reverse, summed over layers, nats."""

from seatbelt_vae.attacks.losses._bound import Loss
from seatbelt_vae.attacks.losses._latent import LatentLoss
from seatbelt_vae.config import AttackConfig

__all__ = ["loss"]

DECLARATION = {"layers": True}


def loss(config: AttackConfig, layers: tuple[int, ...]) -> Loss:
    """Create the loss from the settings of an attack; layers count from 1."""
    return LatentLoss(layers, "symmetric-kl", path=config.path_used, draws=config.draws)
