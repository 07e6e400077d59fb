"""What an attack minimises besides the size of the distortion: how far from the target it still is.

A loss is bound to one model and one target, and then maps images to parts in nats whose sum is the
divergence r. Both losses walk the posterior's path by means or by noise; see `Path`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from seatbelt_vae.protocol import Autoencoder, Noise, Posterior, draw_noise

__all__ = ["BoundLoss", "LatentKL", "Loss", "OutputLoss", "Path"]

Path = Literal["mean", "common", "sampled"]
"""How layers above the first are reached.

``mean`` feeds posterior means upward; ``common`` fixes K noise draws shared by attacked and target
image for the whole pair; ``sampled`` draws afresh at every evaluation, for both sides.
"""


@dataclass(frozen=True)
class BoundLoss:
    r"""A loss bound to one target: parts of the divergence of images from it.

    Args:
        parts: maps images :math:`(R, C, H, W)` to parts :math:`(R, P)` in nats; their sum is r.
        floor: the greatest lower bound of r over all images and models (0 for a KL).
        vanishes_at_target: whether r is 0 at the target itself.
    """

    parts: Callable[[Tensor], Tensor]
    floor: float
    vanishes_at_target: bool


@dataclass(frozen=True)
class LatentKL:
    r"""Latent attack: :math:`r = \sum_{i\in S} \mathrm{KL}(q(z^i|x^*) \,\|\, q(z^i|x_t))`, nats.

    Gondim-Ribeiro et al. (2018) for one layer; Willetts et al. (2021), eq. 10, for several. One
    part a layer of S.

    Args:
        layers: S, zero-based, 0 next to the data.
        path: how layers above the first are reached.
        draws: noise draws K of the noisy paths, averaged.
    """

    layers: tuple[int, ...]
    path: Path = "mean"
    draws: int = 8

    def bind(self, model: Autoencoder, target: Tensor, generator: torch.Generator) -> BoundLoss:
        """Bind to a model and one target image :math:`(C, H, W)`."""
        noises = _noises(model, self.path, self.draws, target, generator)

        def parts(images: Tensor) -> Tensor:
            attacked = _encode(model, images, noises())
            aimed = _encode(model, target[None], noises())
            kl = [attacked.layers[i].kl(aimed.layers[i]) for i in self.layers]
            return torch.stack([_mean_over_draws(k) for k in kl], dim=-1)

        return BoundLoss(parts, floor=0.0, vanishes_at_target=self.path != "sampled")


@dataclass(frozen=True)
class OutputLoss:
    r"""Output attack: :math:`r = -\mathbb E_{q(z|x^*)} \log p(x_t|z) + \mathrm{KL}(q\,\|\,p)`.

    Kos et al. (2018) with its sign put right; nats. Two parts, the likelihood's and the prior's:
    sampled log-ratios below the top layer, the closed form at the top. Its floor is the negative
    of the largest log-likelihood a decoder could give the target.

    Args:
        path: ``common`` or ``sampled``; ``mean`` decodes the mean path, a plug-in value.
        draws: noise draws K, averaged.
    """

    path: Path = "common"
    draws: int = 8

    def bind(self, model: Autoencoder, target: Tensor, generator: torch.Generator) -> BoundLoss:
        """Bind to a model and one target image :math:`(C, H, W)`."""
        noises = _noises(model, self.path, self.draws, target, generator)

        def parts(images: Tensor) -> Tensor:
            posterior = _encode(model, images, noises())
            likelihood = model.decode(posterior.z).log_prob(target)
            prior = model.prior(posterior.z)
            below = zip(posterior.layers[:-1], prior[:-1], posterior.z[:-1], strict=True)
            ratios = [q.log_prob(z) - p.log_prob(z) for q, p, z in below]
            top = posterior.layers[-1].kl(prior[-1])
            regularity = sum((_mean_over_draws(r) for r in ratios), _mean_over_draws(top))
            return torch.stack([-_mean_over_draws(likelihood), regularity], dim=-1)

        with torch.no_grad():
            best = model.decode(_encode(model, target[None], None).z).max_log_prob(target[None])
        return BoundLoss(parts, floor=-float(best), vanishes_at_target=False)


Loss = LatentKL | OutputLoss


def _noises(
    model: Autoencoder, path: Path, draws: int, like: Tensor, generator: torch.Generator
) -> Callable[[], Noise | None]:
    """What each walk of the posterior is fed: nothing, the same noise always, or fresh noise."""
    if path == "mean":
        return lambda: None
    if path == "common":
        fixed = draw_noise(model.latent_sizes, (draws, 1), generator, like=like)
        return lambda: fixed
    return lambda: draw_noise(model.latent_sizes, (draws, 1), generator, like=like)


def _encode(model: Autoencoder, images: Tensor, noise: Noise | None) -> Posterior:
    if noise is None:
        return model.encode(images)
    return model.encode(images, [n.expand(-1, len(images), -1) for n in noise])


def _mean_over_draws(values: Tensor) -> Tensor:
    """Average over any leading draws; the last dimension is the image."""
    return values.reshape(-1, values.shape[-1]).mean(0)
