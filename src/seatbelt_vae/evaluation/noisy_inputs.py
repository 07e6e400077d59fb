"""Denoising: the log-likelihood of a clean image under latents of a noisy one."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from seatbelt_vae.config.checks import at_least
from seatbelt_vae.errors import ConfigError
from seatbelt_vae.evaluation.likelihood import image_noise
from seatbelt_vae.protocol import Autoencoder
from seatbelt_vae.randomness import Stream

__all__ = ["SIGMAS", "Denoising", "denoising"]

SIGMAS = (0.1, 0.5, 1.0)
"""The noise levels of Willetts et al. (2021), figure F.12, for images in [-1, 1]."""


@dataclass(frozen=True)
class Denoising:
    r"""Log-likelihood of N clean images under S levels of noise on the input.

    Args:
        sigmas: the noise levels, in pixel units.
        log_likelihood: nats per image, averaged over the draws, :math:`(S, N)`, float64.

    Example:
        >>> Denoising((0.1, 1.0), torch.tensor([[-1.0, -3.0], [-5.0, -7.0]])).mean
        tensor([-2., -6.])
    """

    sigmas: tuple[float, ...]
    log_likelihood: Tensor

    @property
    def mean(self) -> Tensor:
        """Over the images, nats per image, :math:`(S)`."""
        return self.log_likelihood.mean(1)


@torch.no_grad()
def denoising(
    model: Autoencoder,
    images: Tensor,
    sigmas: Sequence[float] = SIGMAS,
    *,
    draws: int = 1,
    clip: bool = False,
    seed: int = 0,
    batch: int = 250,
) -> Denoising:
    r"""Log-likelihood of clean images under latents of images with Gaussian noise.

    .. math::
        \frac1K \sum_k \log p(x|z_k), \qquad z_k \sim q(z\,|\,x + \sigma\epsilon_k),
        \quad \epsilon_k \sim \mathcal N(0, I)

    Every draw has its own :math:`\epsilon_k` and its own path through the latents. Both depend on
    the seed and the image's position only. All noise levels share them, and all models share
    :math:`\epsilon_k`. The paper shows the density of the values of one draw.

    Args:
        model: the autoencoder, in evaluation mode.
        images: the clean :math:`x`, shape :math:`(N, C, H, W)`.
        sigmas: standard deviations of the noise, in pixel units; 0 is the plain likelihood.
        draws: K.
        clip: whether noisy images are clipped to the model's bounds, unlike in the paper.
        seed: seed of the noise.
        batch: images encoded at once, draws counted.

    Raises:
        ConfigError: no noise level, a negative one, or no draws.

    Source: Willetts et al. (2021), figure F.12.

    Example:
        >>> from seatbelt_vae.config import ModelConfig, resolve
        >>> from seatbelt_vae.models import HierarchicalVAE
        >>> settings = ModelConfig(preset="vae", network="mlp", features=8)
        >>> model = HierarchicalVAE(resolve(settings, "dsprites", (1, 8, 8), (-1.0, 1.0)))
        >>> denoising(model.eval(), torch.zeros(5, 1, 8, 8), draws=2).log_likelihood.shape
        torch.Size([3, 5])
    """
    _check(sigmas, draws)
    size = max(1, batch // draws)
    parts = [
        _log_likelihood(model, images[n : n + size], sigmas, (seed, n), draws, clip)
        for n in range(0, len(images), size)
    ]
    return Denoising(tuple(sigmas), torch.cat(parts, dim=1))


def _check(sigmas: Sequence[float], draws: int) -> None:
    at_least("draws", draws, 1)
    if not sigmas:
        raise ConfigError("no noise level, expected one or more: give sigmas, e.g. 0.1, 0.5, 1")
    for sigma in sigmas:
        at_least("sigma", sigma, 0)


def _log_likelihood(
    model: Autoencoder,
    x: Tensor,
    sigmas: Sequence[float],
    key: tuple[int, int],
    draws: int,
    clip: bool,
) -> Tensor:
    """Nats of each image at each level, :math:`(S, B)`; draws are more rows of the batch."""
    # pixels come first: their noise must not depend on the number of latents
    sizes = (x[0].numel(), *model.latent_sizes)
    flat, *noise = image_noise(sizes, x, draws, Stream.DENOISING_NOISE, *key)
    epsilon = flat.unflatten(2, x.shape[1:])
    rows = [layer.flatten(0, 1) for layer in noise]
    values = []
    for sigma in sigmas:
        noisy = x + sigma * epsilon
        noisy = noisy.clamp(*model.bounds) if clip else noisy
        path = model.encode(noisy.flatten(0, 1), rows).z
        likelihood = model.decode([z.unflatten(0, (draws, len(x))) for z in path])
        values.append(likelihood.log_prob(x).double().mean(0))
    return torch.stack(values)
