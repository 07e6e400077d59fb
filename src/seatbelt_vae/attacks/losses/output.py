"""Output attacks: bring what an image decodes to close to the target."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from seatbelt_vae.attacks.losses.bound import BoundLoss, Parts, zero_floor
from seatbelt_vae.attacks.losses.paths import Path, Walker, bound_loss, mean_over_draws
from seatbelt_vae.protocol import Autoencoder

__all__ = ["OutputDistance", "OutputLoss", "distance_parts", "image_norm"]


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

    @property
    def targeted(self) -> bool:
        """Leads to the target image."""
        return True

    def bind(
        self,
        model: Autoencoder,
        x: Tensor,
        target: Tensor,
        generators: Sequence[torch.Generator],
    ) -> BoundLoss:
        """Bind to inputs and targets :math:`(P, C, H, W)`."""
        with torch.no_grad():
            best = model.decode(model.encode(target).z).max_log_prob(target)
        walker = Walker(model, self.path, self.draws, x, generators)
        return bound_loss(walker, lambda walk: _negative_elbo(walk, target), -best.double())


@dataclass(frozen=True)
class OutputDistance:
    r"""Output attack on what is seen: :math:`r = \|\mathrm{rec}(x^*) - x_t\|_2`, in pixel units.

    Args:
        path: ``mean`` decodes the mean path; the others average the distance over draws.
        draws: noise draws K.
    """

    path: Path = "mean"
    draws: int = 8

    @property
    def targeted(self) -> bool:
        """Leads to the target image."""
        return True

    def bind(
        self,
        model: Autoencoder,
        x: Tensor,
        target: Tensor,
        generators: Sequence[torch.Generator],
    ) -> BoundLoss:
        """Bind to inputs and targets :math:`(P, C, H, W)`."""
        walker = Walker(model, self.path, self.draws, x, generators)
        return bound_loss(walker, lambda walk: distance_parts(walk, target), zero_floor(x))


def _negative_elbo(walker: Walker, target: Tensor) -> Parts:
    """−log-likelihood of the target, and the divergence from the prior."""
    model = walker.model

    def parts(images: Tensor, pairs: Tensor) -> Tensor:
        posterior = walker.encode(images, pairs)
        likelihood = model.decode(posterior.z).log_prob(target[pairs])
        prior = model.prior(posterior.z)
        below = zip(posterior.layers[:-1], prior[:-1], posterior.z[:-1], strict=True)
        ratios = [q.log_prob(z) - p.log_prob(z) for q, p, z in below]
        top = posterior.layers[-1].kl(prior[-1])
        regularity = sum((mean_over_draws(r) for r in ratios), mean_over_draws(top))
        return torch.stack([-mean_over_draws(likelihood), regularity], dim=-1)

    return parts


def distance_parts(walker: Walker, reference: Tensor) -> Parts:
    """The distance of reconstructions from reference images, one a pair."""

    def parts(images: Tensor, pairs: Tensor) -> Tensor:
        decoded = walker.model.decode(walker.encode(images, pairs).z).mean
        return mean_over_draws(image_norm(decoded - reference[pairs]))[:, None]

    return parts


def image_norm(images: Tensor) -> Tensor:
    r""":math:`\|\cdot\|_2` of images :math:`(*, C, H, W)`, :math:`(*)`; its gradient at 0 is 0."""
    norm: Tensor = images.flatten(-3).norm(dim=-1)
    return norm
