"""Likelihood bounds, divergences of units and posterior widths of held-out images."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from seatbelt_vae.objectives.elbo import active, divergence_units
from seatbelt_vae.protocol import Autoencoder, Noise, capabilities_of, draw_noise
from seatbelt_vae.randomness import Stream, generator_for

__all__ = ["HeldOut", "image_noise", "measure_images"]


@dataclass(frozen=True)
class HeldOut:
    r"""Terms of the likelihood bounds of N images, nats per image, averaged over K draws.

    Args:
        elbo: :math:`\mathcal L` at β = 1, without free bits, :math:`(N)`.
        iwae: :math:`\log\frac1K\sum_k p(x,z_k)/q(z_k|x)`, :math:`(N)`.
        log_likelihood: :math:`E_q \log p(x|z)`, :math:`(N)`.
        divergence_units: of every unit, :math:`(N, d_i)` per layer: the log-ratio
            :math:`\log q(z^i_j|\cdot) - \log p(z^i_j|z^{i+1})` below the top, the closed-form KL
            at the top.
        sigma_norm: :math:`\|\sigma^i(x)\|_2` along the mean path, :math:`(N, L)`.
        reconstruction: on the mean path, :math:`(N, C, H, W)`.
        free_bits: the floor λ_fb that training left uncharged, nats per group.
        free_bits_group: ``unit`` or ``layer``.
    """

    elbo: Tensor
    iwae: Tensor
    log_likelihood: Tensor
    divergence_units: tuple[Tensor, ...]
    sigma_norm: Tensor
    reconstruction: Tensor
    free_bits: float = 0.0
    free_bits_group: str = "unit"

    @property
    def divergences(self) -> list[float]:
        """Mean divergence of each layer, nats per image."""
        return [units.sum(1).mean().item() for units in self.divergence_units]

    @property
    def unit_means(self) -> tuple[Tensor, ...]:
        """Mean divergence of each unit, :math:`(d_i)` per layer."""
        return tuple(units.mean(0) for units in self.divergence_units)

    @property
    def active(self) -> list[list[bool]]:
        """Whether each unit of each layer is active: see `seatbelt_vae.objectives.elbo.active`."""
        floor = self.free_bits, self.free_bits_group
        return [active(means, *floor).tolist() for means in self.unit_means]

    @property
    def active_units(self) -> list[int]:
        """The number of active units of each layer."""
        return [sum(layer) for layer in self.active]


@torch.no_grad()
def measure_images(
    model: Autoencoder,
    x: Tensor,
    *,
    draws: int,
    seed: int = 0,
    batch: int = 250,
    on_progress: Callable[[int, int], None] | None = None,
) -> HeldOut:
    r"""Measure images with K draws of the posterior chain per image.

    .. math::
        \log w = \log p(x|z) - \sum_i \big[\log q(z^i|z^{i-1},x) - \log p(z^i|z^{i+1})\big]

    IWAE (Burda et al. 2016) averages w, with the sampled log-ratio in **every** layer; the ELBO
    averages log w with the closed-form KL at the top, which has the same mean and less variance.
    Both use the same draws, each decoded once. The noise of an image depends on the seed and its
    position only, not on the batch.

    Args:
        model: the autoencoder, in evaluation mode.
        x: images :math:`(N, C, H, W)`.
        draws: K.
        seed: seed of the noise.
        batch: images decoded at once, draws counted.
        on_progress: called with images done and images in all.

    Without a likelihood, ELBO, IWAE and log-likelihood are NaN.
    """
    size = max(1, batch // draws)
    parts = []
    for start in range(0, len(x), size):
        images = x[start : start + size]
        key = (Stream.BOUND_NOISE, seed, start)
        noise = image_noise(model.latent_sizes, images, draws, *key)
        parts.append(_measure(model, images, noise))
        if on_progress is not None:
            on_progress(min(start + size, len(x)), len(x))
    columns = zip(*(part.divergence_units for part in parts), strict=True)
    return HeldOut(
        elbo=torch.cat([part.elbo for part in parts]),
        iwae=torch.cat([part.iwae for part in parts]),
        log_likelihood=torch.cat([part.log_likelihood for part in parts]),
        divergence_units=tuple(torch.cat(units) for units in columns),
        sigma_norm=torch.cat([part.sigma_norm for part in parts]),
        reconstruction=torch.cat([part.reconstruction for part in parts]),
    )


def image_noise(
    sizes: Sequence[int], images: Tensor, draws: int, stream: Stream, seed: int, first: int
) -> list[Tensor]:
    """Noise :math:`(K, B, d_i)` that depends on the seed and the position of an image only.

    Args:
        sizes: :math:`(d_1, \\dots)`.
        images: a batch with the dtype and device of the noise.
        draws: K.
        stream, seed: the purpose and the seed of the noise.
        first: position of the first image.
    """
    each = [
        draw_noise(sizes, (draws, 1), generator_for(stream, seed, n), like=images)
        for n in range(first, first + len(images))
    ]
    return [torch.cat(layer, dim=1) for layer in zip(*each, strict=True)]


def _measure(model: Autoencoder, x: Tensor, noise: Noise) -> HeldOut:
    posterior = model.encode(x, noise)
    if capabilities_of(model).likelihood:
        log_likelihood = model.decode(posterior.z).log_prob(x).double()
    else:
        log_likelihood = x.new_full(posterior.z[0].shape[:-1], math.nan).double()
    draws = len(log_likelihood)
    *below, top = (unit.double() for unit in divergence_units(model, posterior))
    q, z = posterior.layers[-1], posterior.z[-1]
    sampled_top = (q.log_prob(z) - q.standard_normal().log_prob(z)).double()
    log_weight = log_likelihood - sum(unit.sum(-1) for unit in below) - sampled_top
    units = (*(unit.mean(0) for unit in below), _over_draws(top, draws))
    mean_path = model.encode(x)
    return HeldOut(
        elbo=log_likelihood.mean(0) - sum(unit.sum(-1) for unit in units),
        iwae=log_weight.logsumexp(0) - math.log(draws),
        log_likelihood=log_likelihood.mean(0),
        divergence_units=units,
        sigma_norm=torch.stack([q.std.double().norm(dim=-1) for q in mean_path.layers], dim=-1),
        reconstruction=model.decode(mean_path.z).mean,
    )


def _over_draws(values: Tensor, draws: int) -> Tensor:
    """The mean over draws; with one layer all draws share the posterior of the top."""
    return values.expand(draws, *values.shape[-2:]).mean(0)
