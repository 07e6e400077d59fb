"""``latent-code``: the L2 distance of the codes of all layers as one vector."""

from dataclasses import dataclass
from typing import ClassVar

from seatbelt_vae.attacks.losses._bound import Loss
from seatbelt_vae.attacks.losses.latent_l2 import LatentDistance
from seatbelt_vae.config import AttackConfig

__all__ = ["CodeDistance", "loss"]

DECLARATION = {"layers": True}


@dataclass(frozen=True)
class CodeDistance(LatentDistance):
    r"""Latent attack on the code gap: :math:`r^2 = \sum_{i\in S} \|z^i(x^*) - z^i(x_t)\|_2^2`.

    In latent units: the numerator of the code gap. With one layer it equals `LatentDistance`.

    Args:
        layers: S; layer 1 is next to the data.

    Example:
        >>> CodeDistance((1, 2)).path
        'mean'
    """

    joint: ClassVar = True


def loss(config: AttackConfig, layers: tuple[int, ...]) -> Loss:
    """Create the loss from the settings of an attack; layers count from 1."""
    return CodeDistance(layers, path=config.path_used, draws=config.draws)
