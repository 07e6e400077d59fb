"""The importance-weighted bound on the log-likelihood, tighter than the ELBO."""

import math

import torch
from torch import Tensor

from seatbelt_vae.protocol import Autoencoder, Noise, draw_noise

__all__ = ["iwae", "log_weights"]


def log_weights(model: Autoencoder, x: Tensor, noise: Noise) -> Tensor:
    r""":math:`\log p(x, z) - \log q(z|x)` along sampled paths, :math:`(*K, B)`, nats.

    Every layer has the sampled log-ratio, including the top. With a closed-form KL the mean weight
    is not :math:`p(x)`, and the result is no bound.

    Args:
        model: any autoencoder.
        x: images, :math:`(B, C, H, W)`.
        noise: draws, :math:`(*K, B, d_i)` per layer.
    """
    posterior = model.encode(x, noise)
    weight = model.decode(posterior.z).log_prob(x)
    for q, p, z in zip(posterior.layers, model.prior(posterior.z), posterior.z, strict=True):
        weight = weight + p.log_prob(z) - q.log_prob(z)
    return weight


@torch.no_grad()
def iwae(
    model: Autoencoder, x: Tensor, draws: int, generator: torch.Generator, *, chunk: int = 8
) -> Tensor:
    r""":math:`\log \frac1K \sum_k p(x, z_k)/q(z_k|x)` of each image, :math:`(B)`, nats.

    Args:
        model: any autoencoder, in evaluation mode.
        x: images, :math:`(B, C, H, W)`.
        draws: K.
        generator: the source of the noise.
        chunk: draws evaluated at once; memory is proportional to it.

    Source: Burda et al. (2016), eq. 8.
    """
    total = x.new_full((len(x),), -math.inf)
    for start in range(0, draws, chunk):
        count = min(chunk, draws - start)
        # one path at a time, so that the numbers do not depend on the chunk size
        paths = [draw_noise(model.latent_sizes, (len(x),), generator, like=x) for _ in range(count)]
        noise = [torch.stack(layer) for layer in zip(*paths, strict=True)]
        total = torch.logaddexp(total, log_weights(model, x, noise).logsumexp(0))
    return total - math.log(draws)
