"""Likelihood and gap of adversarial images under draws of the posterior."""

import torch
from torch import Tensor

from seatbelt_vae.evaluation.gap import image_norm, reconstruct
from seatbelt_vae.protocol import Autoencoder, Noise

__all__ = ["negative_log_likelihood", "sampled_gap"]


@torch.no_grad()
def negative_log_likelihood(
    model: Autoencoder, target: Tensor, adversarial: Tensor, noise: Noise
) -> Tensor:
    r""":math:`-\frac1K\sum_k \log p(x_t|z_k^*)`, :math:`z_k^* \sim q(z|x^*)`, in nats; shape (n).

    The mean of the logarithm over the draws, as in the output attack, not the logarithm of the
    mean. The model has a likelihood.

    Args:
        model: the autoencoder.
        target: :math:`x_t`, shape :math:`(C, H, W)`.
        adversarial: :math:`x^*`, shape :math:`(n, C, H, W)`.
        noise: fresh draws :math:`(K, 1, d_i)` per layer, the same for every row.
    """
    values = [
        -model.decode(model.encode(image[None], noise).z).log_prob(target).double().mean()
        for image in adversarial
    ]
    return torch.stack(values)


@torch.no_grad()
def sampled_gap(
    model: Autoencoder, x: Tensor, target: Tensor, adversarial: Tensor, noise: Noise
) -> Tensor:
    r"""The reconstruction gap on the sampled path, as a ratio of means over draws; shape (n).

    :math:`\sum_k\|\mathrm{rec}_k(x^*)-\mathrm{rec}_k(x_t)\|
    \,/\, \sum_k\|\mathrm{rec}_k(x)-\mathrm{rec}_k(x_t)\|` where :math:`\mathrm{rec}_k` decodes the
    path of draw k. All three images share a draw, so the target itself has gap 0, the input 1.

    Args:
        model: the autoencoder.
        x, target: images :math:`(C, H, W)`.
        adversarial: :math:`x^*`, shape :math:`(n, C, H, W)`.
        noise: fresh draws :math:`(K, 1, d_i)` per layer, the same for every image.
    """
    aimed = reconstruct(model, target[None], noise)
    images = [x, *adversarial]
    distances = [
        image_norm(reconstruct(model, i[None], noise) - aimed, x.ndim).mean() for i in images
    ]
    return torch.stack(distances[1:]) / distances[0]
