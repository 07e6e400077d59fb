"""Reconstruction gap and distortion of attacks on a pair of images, relative to the clean pair."""

from dataclasses import dataclass

import torch
from torch import Tensor

from seatbelt_vae.protocol import Autoencoder, Noise, as_inputs

__all__ = ["SMALLEST_SEPARATION", "Pair", "certified_movement", "image_norm", "reconstruct"]

SMALLEST_SEPARATION = 0.2
"""Smallest denominator of a ratio, as a share of ‖x_t − x‖; below it a pair is not told apart."""


def image_norm(x: Tensor, event_dims: int = 3) -> Tensor:
    r""":math:`\|x\|_2` over the dimensions of an input, summed in float64; shape :math:`(*)`."""
    return x.double().square().sum(dim=tuple(range(-event_dims, 0))).sqrt()


@torch.no_grad()
def reconstruct(
    model: Autoencoder, x: Tensor, noise: Noise | None = None, *, batch: int = 64
) -> Tensor:
    r"""The decoder's mean image along the mean path, or along the path of ``noise``.

    Args:
        model: the autoencoder, in evaluation mode.
        x: images :math:`(B, C, H, W)`.
        noise: draws :math:`(*K, B, d_i)` per layer; None takes the posterior means.
        batch: images encoded at once.

    Returns:
        Images :math:`(*K, B, C, H, W)`.
    """
    x, parts = as_inputs(model, x), []
    for start in range(0, len(x), batch):
        rows = slice(start, start + batch)
        part = None if noise is None else [n[..., rows, :] for n in noise]
        parts.append(model.decode(model.encode(x[rows], part).z).mean)
    return torch.cat(parts, dim=-x.ndim)


def certified_movement(model: Autoencoder, x: Tensor, radius: float) -> float | None:
    r"""Bound of :math:`\|\mathrm{rec}(x+d) - \mathrm{rec}(x)\|` where :math:`\|d\| \leq` radius.

    The Lipschitz constant of the model times the radius, or the certificate of `CenterSmoothing`,
    which holds with probability 95 % over its noise.

    Args:
        model: the autoencoder, in evaluation mode.
        x: one input.
        radius: the largest :math:`\|d\|_2`.

    Returns:
        The bound, which may be infinite; None for a model without a certificate.
    """
    if (constant := getattr(model, "lipschitz_constant", None)) is not None:
        return float(constant * radius)
    if (certificate := getattr(model, "certificate", None)) is not None:
        return float(certificate(x[None], radius))
    return None


@dataclass(frozen=True)
class Pair:
    r"""An input :math:`x`, a target :math:`x_t`, and the mean-path reconstructions of both.

    Args:
        x, target: inputs of one event shape.
        reconstruction, target_reconstruction: rec(x) and rec(x_t), of the same shape.

    Example:
        >>> x, target = torch.zeros(1, 2, 2), torch.ones(1, 2, 2)
        >>> pair = Pair(x, target, reconstruction=x, target_reconstruction=target)
        >>> pair.gap(0.75 * target).item()
        0.25
    """

    x: Tensor
    target: Tensor
    reconstruction: Tensor
    target_reconstruction: Tensor

    @classmethod
    def of(cls, model: Autoencoder, x: Tensor, target: Tensor) -> "Pair":
        """The pair as ``model`` reconstructs it."""
        reconstruction, target_reconstruction = reconstruct(model, torch.stack([x, target]))
        return cls(x, target, reconstruction, target_reconstruction)

    def norm(self, x: Tensor) -> Tensor:
        r""":math:`\|\cdot\|_2` of inputs :math:`(*, \text{event})`, float64, :math:`(*)`."""
        return image_norm(x, self.x.ndim)

    @property
    def image_distance(self) -> float:
        r""":math:`\|x_t - x\|_2`."""
        return self.norm(self.target - self.x).item()

    @property
    def separation(self) -> float:
        r""":math:`\|\mathrm{rec}(x) - \mathrm{rec}(x_t)\|`, the gap's denominator."""
        return self.norm(self.reconstruction - self.target_reconstruction).item()

    @property
    def target_reconstruction_error(self) -> float:
        r""":math:`\|\mathrm{rec}(x_t) - x_t\|`."""
        return self.norm(self.target_reconstruction - self.target).item()

    @property
    def distortion_range(self) -> float:
        r""":math:`\|\mathrm{rec}(x)-x_t\| - \|\mathrm{rec}(x_t)-x_t\|`, AUDDC's denominator."""
        clean = self.norm(self.reconstruction - self.target).item()
        return clean - self.target_reconstruction_error

    @property
    def gap_is_defined(self) -> bool:
        """Whether the reconstructions of a pair differ enough for the gap to be defined."""
        return self.separation >= SMALLEST_SEPARATION * self.image_distance > 0

    @property
    def distortion_is_defined(self) -> bool:
        """Whether the denominator of the distortion, and of AUDDC, is large enough."""
        return self.distortion_range >= SMALLEST_SEPARATION * self.image_distance > 0

    def distance_relative(self, images: Tensor) -> Tensor:
        r""":math:`\|x^* - x\| / \|x_t - x\|` of images :math:`(*, C, H, W)`, float64."""
        return self.norm(images - self.x) / self.image_distance

    def gap(self, reconstruction: Tensor) -> Tensor:
        r"""Reconstruction gap :math:`\|\hat x^*-\hat x_t\| / \|\hat x-\hat x_t\|`, float64.

        0 is fooled, 1 is unmoved; nan or infinite if the two clean reconstructions are equal.

        Args:
            reconstruction: :math:`\hat x^*` on the mean path, shape :math:`(*, C, H, W)`.
        """
        return self.norm(reconstruction - self.target_reconstruction) / self.separation

    def certified_gap(self, model: Autoencoder, radius: float) -> float | None:
        r"""Lower bound of the gap where :math:`\|d\|_2 \leq` radius.

        :math:`\max(0, 1 - m / \|\hat x-\hat x_t\|)` with m the `certified_movement` of the model;
        None without a certificate.

        Args:
            model: the model of the pair.
            radius: the largest :math:`\|d\|_2`, in the units of inputs.

        Source: the triangle inequality; Barrett et al. (2022) certify margins in the same way.
        """
        movement = certified_movement(model, self.x, radius)
        if movement is None:
            return None
        return max(0.0, 1 - movement / self.separation) if self.separation else 0.0

    def distortion(self, reconstruction: Tensor) -> Tensor:
        r"""Relative distance of the output from the target image, float64.

        :math:`(\|\hat x^*-x_t\|-\|\hat x_t-x_t\|) / (\|\hat x-x_t\|-\|\hat x_t-x_t\|)`: 1 is
        unmoved, 0 is as near to the target image as :math:`\hat x_t`.

        Args:
            reconstruction: :math:`\hat x^*` on the mean path, shape :math:`(*, C, H, W)`.

        Source: Gondim-Ribeiro et al. (2018).
        """
        excess = self.norm(reconstruction - self.target) - self.target_reconstruction_error
        return excess / self.distortion_range
