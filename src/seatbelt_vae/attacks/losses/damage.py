"""Untargeted attacks: away from what the model made of the input, as far as the budget allows."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from seatbelt_vae.attacks.losses.bound import BoundLoss, Parts
from seatbelt_vae.attacks.losses.latent import DIVERGENCES, Divergence, posterior_parts
from seatbelt_vae.attacks.losses.output import distance_parts
from seatbelt_vae.attacks.losses.paths import Path, Walker, bound_loss
from seatbelt_vae.protocol import Autoencoder

__all__ = ["PosteriorDamage", "ReconstructionDamage"]


@dataclass(frozen=True)
class PosteriorDamage:
    r"""Maximum damage to codes: :math:`r = -\sum_{i\in S} D(q(z^i|x^*), q(z^i|x))`.

    One part a layer of S; D as in `LatentLoss`. It has no floor, so only a budget stops it.
    Source: Kuzina et al. (2021), Barrett et al. (2022).

    Args:
        layers: S, zero-based, 0 next to the data.
        divergence: D.
        path: how layers above the first are reached.
        draws: noise draws K of the noisy paths, averaged.
    """

    layers: tuple[int, ...]
    divergence: Divergence = "kl"
    path: Path = "mean"
    draws: int = 8

    @property
    def targeted(self) -> bool:
        """Leads away from the input."""
        return False

    def bind(
        self,
        model: Autoencoder,
        x: Tensor,
        target: Tensor,
        generators: Sequence[torch.Generator],
    ) -> BoundLoss:
        """Bind to inputs :math:`(P, C, H, W)`; targets are not used."""
        del target
        walker = Walker(model, self.path, self.draws, x, generators)
        divergence = DIVERGENCES[self.divergence]
        return bound_loss(
            walker, lambda walk: _negated(posterior_parts(walk, x, self.layers, divergence)), None
        )


@dataclass(frozen=True)
class ReconstructionDamage:
    r"""Maximum damage to what is seen: :math:`r = -\|\mathrm{rec}(x^*) - \mathrm{rec}(x)\|_2`.

    In pixel units. Source: Camuto et al. (2021), eq. 4.

    Args:
        path: ``mean`` decodes the mean path; the others average the distance over draws.
        draws: noise draws K.
    """

    path: Path = "mean"
    draws: int = 8

    @property
    def targeted(self) -> bool:
        """Leads away from the input."""
        return False

    def bind(
        self,
        model: Autoencoder,
        x: Tensor,
        target: Tensor,
        generators: Sequence[torch.Generator],
    ) -> BoundLoss:
        """Bind to inputs :math:`(P, C, H, W)`; targets are not used."""
        del target
        walker = Walker(model, self.path, self.draws, x, generators)
        with torch.no_grad():
            clean = model.decode(model.encode(x).z).mean
        return bound_loss(walker, lambda walk: _negated(distance_parts(walk, clean)), None)


def _negated(parts: Parts) -> Parts:
    return lambda images, pairs: -parts(images, pairs)
