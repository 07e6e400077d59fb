"""``latent-l2``: the L2 distance of codes, for every model with codes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from seatbelt_vae.attacks.losses._bound import Loss, Parts
from seatbelt_vae.attacks.losses._latent import encoded, positions_of
from seatbelt_vae.attacks.losses._paths import Walker, mean_over_draws
from seatbelt_vae.config import AttackConfig

__all__ = ["LatentDistance", "code_distances", "loss"]

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
    joint: ClassVar = False

    layers: tuple[int, ...]

    @property
    def kinked(self) -> bool:
        """True: a norm has a kink where the codes are equal."""
        return True

    def parts(self, walker: Walker, x: Tensor, target: Tensor) -> Parts:
        """The distances of chosen layers' codes from the target's codes."""
        del x
        known = encoded(walker, target).z if walker.repeatable else None

        def aimed(pairs: Tensor) -> Sequence[Tensor]:
            if known is not None:
                return [z[..., pairs, :] for z in known]
            with torch.no_grad():
                return walker.encode(target[pairs], pairs).z

        return code_distances(walker, self.layers, aimed, joint=self.joint)


def code_distances(
    walker: Walker,
    layers: Sequence[int],
    aimed: Callable[[Tensor], Sequence[Tensor]],
    *,
    joint: bool = False,
) -> Parts:
    """The L2 distances of chosen layers' codes from ``aimed(pairs)``, one code per layer.

    With ``joint`` one distance, of the codes as one vector.
    """
    chosen = positions_of(layers, walker)

    def parts(inputs: Tensor, pairs: Tensor) -> Tensor:
        attacked, codes = walker.encode(inputs, pairs).z, aimed(pairs)
        differences = [attacked[i] - codes[i] for i in chosen]
        if joint:
            differences = [torch.cat(differences, dim=-1)]
        distances = [mean_over_draws(difference.norm(dim=-1)) for difference in differences]
        return torch.stack(distances, dim=-1)

    return parts


def loss(config: AttackConfig, layers: tuple[int, ...]) -> Loss:
    """Create the loss from the settings of an attack; layers count from 1."""
    return LatentDistance(layers, path=config.path_used, draws=config.draws)
