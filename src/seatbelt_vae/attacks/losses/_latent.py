"""Latent attacks, which move the posterior of an input to that of the target."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from seatbelt_vae.attacks.losses._bound import Loss, Parts
from seatbelt_vae.attacks.losses._paths import Walker, mean_over_draws
from seatbelt_vae.distributions import Normal
from seatbelt_vae.errors import ConfigError
from seatbelt_vae.protocol import Posterior

__all__ = ["DIVERGENCES", "Divergence", "LatentLoss", "encoded", "positions_of", "posterior_parts"]

Divergence = Literal["kl", "symmetric-kl", "w2"]

_W2_FLOOR = 1e-12


def _symmetric_kl(attacked: Normal, aimed: Normal) -> Tensor:
    return 0.5 * (attacked.kl(aimed) + aimed.kl(attacked))


def _w2(attacked: Normal, aimed: Normal) -> Tensor:
    means = (attacked.mean - aimed.mean).square().sum(-1)
    spreads = (attacked.std - aimed.std).square().sum(-1)
    # the floor keeps the gradient of the root finite at 0
    return (means + spreads + _W2_FLOOR).sqrt()


DIVERGENCES: dict[Divergence, Callable[[Normal, Normal], Tensor]] = {
    "kl": Normal.kl,
    "symmetric-kl": _symmetric_kl,
    "w2": _w2,
}


@dataclass(frozen=True)
class LatentLoss(Loss):
    r"""Latent attack: :math:`r = \sum_{i\in S} D(q(z^i|x^*), q(z^i|x_t))`, one part per layer of S.

    D is :math:`\mathrm{KL}(q^*\|q_t)`, nats (Gondim-Ribeiro et al. 2018 for one layer; Willetts
    et al. 2021, eq. 10, for several); its mean with the reverse KL, nats; or the 2-Wasserstein
    distance :math:`\sqrt{\|\mu^*-\mu_t\|^2 + \|\sigma^*-\sigma_t\|^2}`, in latent units.

    Args:
        layers: S; layer 1 is next to the data.
        divergence: the name of D.

    Example:
        >>> LatentLoss((1, 2), "w2").targeted
        True
    """

    needs: ClassVar = ("posterior",)

    layers: tuple[int, ...]
    divergence: Divergence = "kl"

    @property
    def kinked(self) -> bool:
        """Whether D is a norm, which has a kink where the posteriors are equal."""
        return self.divergence == "w2"

    def parts(self, walker: Walker, x: Tensor, target: Tensor) -> Parts:
        """The divergences of chosen layers from the target's posterior."""
        del x
        return posterior_parts(walker, target, self.layers, DIVERGENCES[self.divergence])


def posterior_parts(
    walker: Walker,
    reference: Tensor,
    layers: Sequence[int],
    divergence: Callable[[Normal, Normal], Tensor],
) -> Parts:
    """Divergences of chosen layers from the posteriors of reference inputs, one per pair."""
    chosen = positions_of(layers, walker)
    known = encoded(walker, reference) if walker.repeatable else None

    def parts(images: Tensor, pairs: Tensor) -> Tensor:
        attacked = walker.encode(images, pairs)
        if known is None:
            with torch.no_grad():
                aimed = walker.encode(reference[pairs], pairs).layers
        else:
            aimed = tuple(_of_pairs(layer, pairs) for layer in known.layers)
        values = [divergence(attacked.layers[i], aimed[i]) for i in chosen]
        return torch.stack([mean_over_draws(value) for value in values], dim=-1)

    return parts


def positions_of(layers: Sequence[int], walker: Walker) -> list[int]:
    """Positions from 0 of layers that count from 1.

    Raises:
        ConfigError: a layer that the model lacks.
    """
    depth = len(walker.model.latent_sizes)
    if not all(1 <= layer <= depth for layer in layers):
        raise ConfigError(f"layers {tuple(layers)} of a model with {depth}: expected 1…{depth}")
    return [layer - 1 for layer in layers]


def encoded(walker: Walker, reference: Tensor) -> Posterior:
    """The posteriors of reference inputs, one per pair, without gradient."""
    with torch.no_grad():
        return walker.encode(reference, torch.arange(len(reference), device=reference.device))


def _of_pairs(layer: Normal, pairs: Tensor) -> Normal:
    """The layer's distributions for the pair of each row; pairs are the second-last dimension."""
    return Normal(layer.mean[..., pairs, :], layer.log_variance[..., pairs, :])
