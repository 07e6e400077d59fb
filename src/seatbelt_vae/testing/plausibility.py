"""Checks of a model on the images of its user: does the adapter read the model as it was meant?

`check_autoencoder` finds broken promises on random inputs. A wrong range, logits read as pixels, or
a standard deviation read as a log-variance keep every promise; they show on real images only.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from seatbelt_vae.config.checks import at_least
from seatbelt_vae.distributions import Normal
from seatbelt_vae.protocol import Autoencoder, as_inputs, bounds_of, capabilities_of
from seatbelt_vae.randomness import Stream, seeded_for

__all__ = ["Finding", "check_on_images", "drawn", "variation"]

_AT_BOUND = 0.01  # share of the range within which an image is at its bound


@dataclass(frozen=True)
class Finding:
    """A measured value and its limit.

    Args:
        name: name of the check.
        value: the measured value.
        limit: the largest value that raises no doubt.
        problem: the meaning of a larger value.
        remedy: what to do.
    """

    name: str
    value: float
    limit: float
    problem: str
    remedy: str

    @property
    def raised(self) -> bool:
        """Whether the value is above the limit, or not a number."""
        return not self.value <= self.limit

    def __str__(self) -> str:
        return f"{self.problem} ({self.value:.2f}, expected at most {self.limit:g}): {self.remedy}"


@torch.no_grad()
def check_on_images(
    model: Autoencoder, images: Tensor, *, forward: Callable[[Tensor], Tensor] | None = None
) -> tuple[Finding, ...]:
    r"""The checks that apply to a model, measured on images of its user.

    * ``unexplained``: :math:`\|x - \mathrm{rec}(x)\| / \|x - \bar x\|` over all images;
    * ``out of range``: share of reconstructed values outside the bounds by 5 % of the range;
    * ``wide posterior``: share of units and images with :math:`\sigma > 1.005`, or 1 if all have
      :math:`\sigma > 1`;
    * ``mixed rows``: relative change of a reconstruction when the other images change;
    * ``clamped ends``: share of reconstructed values at a bound, if their gradient is exactly 0;
    * ``forward``: relative distance of rec(x) from the owner's own reconstruction, less the
      distance of two calls of it;
    * ``forward noise``: ratio of the variations of reconstructions by draws of the posterior and by
      calls of a map of the owner that samples, at least 1.

    Args:
        model: the autoencoder.
        images: at least 8 images :math:`(B, \text{event})`, in the bounds of the model.
        forward: the owner's map from images to reconstructions; it may sample.

    Raises:
        ConfigError: fewer than 8 images.

    Example:
        >>> from seatbelt_vae.config import ModelConfig, resolve
        >>> from seatbelt_vae.models import HierarchicalVAE
        >>> settings = ModelConfig(preset="vae", network="mlp", features=8)
        >>> model = HierarchicalVAE(resolve(settings, "dsprites", (1, 8, 8), (-1.0, 1.0)))
        >>> found = check_on_images(model.eval(), torch.rand(8, 1, 8, 8) - 0.5)
        >>> [finding.name for finding in found if finding.raised]
        ['unexplained']
    """
    at_least("number of images", len(images), 8)
    images = as_inputs(model, images)
    posterior = model.encode(images)
    reconstruction = model.decode(posterior.z).mean
    found = [_unexplained(images, reconstruction)]
    if bounds_of(model).finite:
        found.append(_out_of_range(model, reconstruction))
        found.append(_clamped_ends(model, posterior.z, images, reconstruction))
    if capabilities_of(model).posterior:
        found.append(_wide_posterior(posterior.layers))
    if capabilities_of(model).repeatable:
        found.append(_mixed_rows(model, images, reconstruction))
    if forward is not None:
        found.append(_disagreement(forward, images, reconstruction))
        found += _other_noise(model, forward, images)
    return tuple(found)


def _unexplained(images: Tensor, reconstruction: Tensor) -> Finding:
    return Finding(
        "unexplained",
        _norm(images - reconstruction) / _norm(images - images.mean(0)),
        1.0,
        "the model reconstructs worse than the mean image",
        "check bounds, logits, the order of mean and spread, and that the weights are loaded",
    )


def _wide_posterior(layers: Sequence[Normal]) -> Finding:
    std = torch.cat([layer.std.flatten() for layer in layers])
    # units that are unused have σ near 1 on both sides; a variance read as log-variance has none
    wide = std > (1.0 if (std > 1).all() else 1.005)
    return Finding(
        "wide posterior",
        wide.double().mean().item(),
        0.9,
        "nearly every posterior is wider than the prior",
        "state the meaning of the second tensor of encode with --code",
    )


def _out_of_range(model: Autoencoder, reconstruction: Tensor) -> Finding:
    low, high = (torch.as_tensor(bound).to(reconstruction) for bound in bounds_of(model))
    slack = 0.05 * (high - low)
    outside = (reconstruction < low - slack) | (reconstruction > high + slack)
    return Finding(
        "out of range",
        outside.double().mean().item(),
        0.2,
        "many reconstructed values are outside the bounds",
        "give --bounds, or --output logits",
    )


def _mixed_rows(model: Autoencoder, images: Tensor, reconstruction: Tensor) -> Finding:
    half = len(images) // 2
    alone = model.decode(model.encode(images[:half]).z).mean
    return Finding(
        "mixed rows",
        _norm(alone - reconstruction[:half]) / _norm(reconstruction[:half]),
        1e-3,
        "the reconstruction of an image depends on the other images of its batch",
        "put every module into evaluation mode, and normalise each image by itself",
    )


def _disagreement(
    forward: Callable[[Tensor], Tensor], images: Tensor, reconstruction: Tensor
) -> Finding:
    first, second = (forward(images).reshape_as(images) for _ in range(2))
    distance = _norm(reconstruction - (first + second) / 2) - _norm(first - second)
    return Finding(
        "forward",
        max(distance, 0.0) / _norm(images - images.mean(0)),
        0.1,
        "decode(encode(x)) differs from the model's own forward",
        "return an adapter that does what forward does, such as its quantisation",
    )


def _clamped_ends(
    model: Autoencoder, z: Sequence[Tensor], images: Tensor, reconstruction: Tensor
) -> Finding:
    low, high = (torch.as_tensor(bound).to(reconstruction) for bound in bounds_of(model))
    ends = (reconstruction == low) | (reconstruction == high)
    # a saturated output is right where the image itself is at the bound, such as a white background
    ends &= (images - reconstruction).abs() > _AT_BOUND * (high - low)
    share = ends.double().mean().item()
    with torch.enable_grad():
        codes = [part.detach().requires_grad_() for part in z]
        total = model.decode(codes).mean[ends].sum()
        # a saturated sigmoid has a small gradient there, clamp has none
        moved = total.requires_grad and any(
            part is not None and bool(part.any())
            for part in torch.autograd.grad(total, codes, allow_unused=True)
        )
    return Finding(
        "clamped ends",
        0.0 if moved else share,
        0.25,
        "many reconstructed values are clamped to a bound, where attacks have no gradient",
        "leave clamp out of decode",
    )


def _other_noise(
    model: Autoencoder, forward: Callable[[Tensor], Tensor], images: Tensor
) -> list[Finding]:
    """Whether draws of the posterior vary reconstructions as much as those of the owner."""
    own = variation(forward, images)
    if own < 1e-6 * _norm(images) or not capabilities_of(model).reparameterised:
        return []
    ours = variation(drawn(model), images)
    return [
        Finding(
            "forward noise",
            max(ours / own, own / ours) if ours > 0 else math.inf,
            1.5,
            "draws of the posterior vary reconstructions otherwise than the model's own forward",
            "state the meaning of the second tensor of encode with --code",
        )
    ]


def variation(function: Callable[[Tensor], Tensor], images: Tensor) -> float:
    """The norm of the difference of two calls; the global random state stays as it is."""
    with seeded_for(Stream.CHECK_DRAWS, 0):
        return _norm(function(images) - function(images))


def drawn(model: Autoencoder) -> Callable[[Tensor], Tensor]:
    """A map from inputs to reconstructions of draws of their posterior."""

    def sample(images: Tensor) -> Tensor:
        noise = [torch.randn(len(images), size).to(images) for size in model.latent_sizes]
        return model.decode(model.encode(images, noise).z).mean

    return sample


def _norm(values: Tensor) -> float:
    return float(values.double().norm())
