"""``damage-posterior``: the untargeted attack on posteriors, within a budget."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from seatbelt_vae.attacks.losses._bound import Loss, Parts
from seatbelt_vae.attacks.losses._latent import DIVERGENCES, Divergence, posterior_parts
from seatbelt_vae.attacks.losses._paths import Walker
from seatbelt_vae.config import AttackConfig

__all__ = ["PosteriorDamage", "loss"]

DECLARATION = {"layers": True, "targeted": False, "bounded": False}


@dataclass(frozen=True)
class PosteriorDamage(Loss):
    r"""Maximum damage to codes: :math:`r = -\sum_{i\in S} D(q(z^i|x^*), q(z^i|x))`.

    One part per layer of S; D as in `LatentLoss`. The loss has no floor: only a budget bounds it.
    Source: Kuzina et al. (2021), Barrett et al. (2022).

    Args:
        layers: S; layer 1 is next to the data.
        divergence: the name of D.
    """

    targeted: ClassVar = False
    needs: ClassVar = ("posterior",)

    layers: tuple[int, ...]
    divergence: Divergence = "kl"

    def parts(self, walker: Walker, x: Tensor, target: Tensor) -> Parts:
        """The negated divergences from the posteriors of the inputs."""
        del target
        away = posterior_parts(walker, x, self.layers, DIVERGENCES[self.divergence])
        return lambda inputs, pairs: -away(inputs, pairs)


def loss(config: AttackConfig, layers: tuple[int, ...]) -> Loss:
    """Create the loss from the settings of an attack; layers count from 1."""
    return PosteriorDamage(layers, path=config.path_used, draws=config.draws)
