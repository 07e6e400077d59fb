"""The loss that settings mean."""

from collections.abc import Callable

from seatbelt_vae.attacks.losses.bound import Loss
from seatbelt_vae.attacks.losses.damage import PosteriorDamage, ReconstructionDamage
from seatbelt_vae.attacks.losses.latent import LatentLoss
from seatbelt_vae.attacks.losses.output import OutputDistance, OutputLoss
from seatbelt_vae.config import AttackConfig
from seatbelt_vae.config.attack import parse_layers

__all__ = ["loss_of"]

_LOSSES: dict[str, Callable[[AttackConfig, tuple[int, ...]], Loss]] = {
    "latent-kl": lambda c, layers: LatentLoss(layers, "kl", c.walked, c.draws),
    "latent-symmetric-kl": lambda c, layers: LatentLoss(layers, "symmetric-kl", c.walked, c.draws),
    "latent-w2": lambda c, layers: LatentLoss(layers, "w2", c.walked, c.draws),
    "output": lambda c, _: OutputLoss(c.walked, c.draws),
    "output-l2": lambda c, _: OutputDistance(c.walked, c.draws),
    "damage-posterior": lambda c, layers: PosteriorDamage(layers, "kl", c.walked, c.draws),
    "damage-reconstruction": lambda c, _: ReconstructionDamage(c.walked, c.draws),
}


def loss_of(config: AttackConfig, depth: int) -> Loss:
    """The loss that settings mean for a model of ``depth`` layers.

    Raises:
        ConfigError: layers the model has not.
    """
    return _LOSSES[config.loss](config, parse_layers(config.layers, depth))
