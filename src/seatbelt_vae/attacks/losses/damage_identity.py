"""``damage-identity``: the change of the reconstruction beyond the distortion, within a budget."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from seatbelt_vae.attacks.losses._bound import Loss, Parts
from seatbelt_vae.attacks.losses._paths import Walker, mean_over_draws
from seatbelt_vae.config import AttackConfig

__all__ = ["IdentityDamage", "loss"]

DECLARATION = {"targeted": False, "bounded": False}


@dataclass(frozen=True)
class IdentityDamage(Loss):
    r"""Damage beyond identity: :math:`r = -\|(\mathrm{rec}(x^*)-\mathrm{rec}(x)) - (x^*-x)\|_2^2`.

    In squared pixel units, with rec(x) on the mean path; 0 for a model that returns its input.
    `ReconstructionDamage` also counts the distortion that a faithful model reconstructs. The path
    ``mean`` decodes the mean path of :math:`x^*`; the others average over draws. The loss is
    smooth and has no floor.
    """

    targeted: ClassVar = False

    def parts(self, walker: Walker, x: Tensor, target: Tensor) -> Parts:
        """The negated squared distance between both changes."""
        del target
        with torch.no_grad():
            clean = walker.model.decode(walker.model.encode(x).z).mean - x

        def parts(inputs: Tensor, pairs: Tensor) -> Tensor:
            decoded = walker.model.decode(walker.encode(inputs, pairs).z).mean
            beyond = (decoded - inputs - clean[pairs]).flatten(1 - x.ndim)
            return -mean_over_draws(beyond.square().sum(-1))[:, None]

        return parts


def loss(config: AttackConfig, layers: tuple[int, ...]) -> Loss:
    """The loss of an attack's settings; it has no layers."""
    del layers
    return IdentityDamage(path=config.path_used, draws=config.draws)
