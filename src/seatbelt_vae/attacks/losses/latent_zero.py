"""``latent-zero``: the norm of the codes, summed over layers, latent units."""

from seatbelt_vae.attacks.losses._bound import Loss
from seatbelt_vae.attacks.losses.latent_target import GivenCode
from seatbelt_vae.config import AttackConfig

__all__ = ["loss"]


def loss(config: AttackConfig, layers: tuple[int, ...]) -> Loss:
    """The loss of an attack's settings on zero-based layers."""
    return GivenCode(layers, "zero", path=config.walked, draws=config.draws)
