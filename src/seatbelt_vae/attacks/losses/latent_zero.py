"""``latent-zero``: the norm of the codes, summed over layers, latent units."""

from seatbelt_vae.attacks.losses._bound import Loss
from seatbelt_vae.attacks.losses.latent_target import GivenCode
from seatbelt_vae.config import AttackConfig

__all__ = ["loss"]

DECLARATION = {"layers": True, "targeted": False}


def loss(config: AttackConfig, layers: tuple[int, ...]) -> Loss:
    """The loss of an attack's settings on layers that count from 1."""
    return GivenCode(layers, "zero", path=config.path_used, draws=config.draws)
