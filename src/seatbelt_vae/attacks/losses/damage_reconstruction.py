"""``damage-reconstruction``: the untargeted attack on reconstructions, within a budget."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from seatbelt_vae.attacks.losses._bound import Loss, Parts
from seatbelt_vae.attacks.losses._paths import Walker
from seatbelt_vae.attacks.losses.output_l2 import distance_parts
from seatbelt_vae.config import AttackConfig

__all__ = ["ReconstructionDamage", "loss"]

DECLARATION = {"targeted": False, "bounded": False}


@dataclass(frozen=True)
class ReconstructionDamage(Loss):
    r"""Maximum damage to reconstructions: :math:`r = -\|\mathrm{rec}(x^*) - \mathrm{rec}(x)\|_2`.

    In pixel units, with rec(x) on the mean path. The path ``mean`` decodes the mean path of
    :math:`x^*`; the others average the distance over draws.
    Source: Camuto et al. (2021), eq. 4.
    """

    targeted: ClassVar = False

    def parts(self, walker: Walker, x: Tensor, target: Tensor) -> Parts:
        """The negated distance from the reconstructions of the inputs."""
        del target
        with torch.no_grad():
            clean = walker.model.decode(walker.model.encode(x).z).mean
        away = distance_parts(walker, clean)
        return lambda inputs, pairs: -away(inputs, pairs)


def loss(config: AttackConfig, layers: tuple[int, ...]) -> Loss:
    """Create the loss from the settings of an attack; ``layers`` does not apply."""
    del layers
    return ReconstructionDamage(path=config.path_used, draws=config.draws)
