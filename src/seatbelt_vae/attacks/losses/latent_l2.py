"""``latent-l2``: the L2 distance of codes, for every model with codes."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from seatbelt_vae.attacks.losses._bound import Loss, Parts
from seatbelt_vae.attacks.losses._latent import encoded, positions_of
from seatbelt_vae.attacks.losses._paths import Walker, mean_over_draws
from seatbelt_vae.config import AttackConfig

__all__ = ["LatentDistance", "loss"]

DECLARATION = {"layers": True}


@dataclass(frozen=True)
class LatentDistance(Loss):
    r"""Latent attack on codes: :math:`r = \sum_{i\in S} \|z^i(x^*) - z^i(x_t)\|_2`.

    One part per layer of S, in latent units. The loss needs codes only: it applies to deterministic
    encoders, and its gradient passes through a defence that replaces the codes.

    Args:
        layers: S; layer 1 is next to the data.

    Example:
        >>> LatentDistance((1,), path="common", draws=4).draws
        4
    """

    needs: ClassVar = ("codes",)

    layers: tuple[int, ...]

    @property
    def kinked(self) -> bool:
        """True: a norm has a kink where the codes are equal."""
        return True

    def parts(self, walker: Walker, x: Tensor, target: Tensor) -> Parts:
        """The distances of chosen layers' codes from the target's codes."""
        del x
        chosen = positions_of(self.layers, walker)
        known = encoded(walker, target).z if walker.repeatable else None

        def parts(inputs: Tensor, pairs: Tensor) -> Tensor:
            attacked = walker.encode(inputs, pairs).z
            if known is None:
                with torch.no_grad():
                    aimed = walker.encode(target[pairs], pairs).z
            else:
                aimed = tuple(z[..., pairs, :] for z in known)
            distances = [(attacked[i] - aimed[i]).norm(dim=-1) for i in chosen]
            return torch.stack([mean_over_draws(distance) for distance in distances], dim=-1)

        return parts


def loss(config: AttackConfig, layers: tuple[int, ...]) -> Loss:
    """Create the loss from the settings of an attack; layers count from 1."""
    return LatentDistance(layers, path=config.path_used, draws=config.draws)
