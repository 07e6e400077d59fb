"""What the package knows of a model: an autoencoder is two maps that return distributions.

Attacks, measures and reports use only this protocol, so a foreign model behind an adapter is
treated exactly like one of ours; `seatbelt_vae.testing.check_autoencoder` tells whether it fits.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from seatbelt_vae.distributions import ImageDistribution, Normal

__all__ = ["Autoencoder", "Noise", "Posterior", "draw_noise", "modules_of"]

Noise = Sequence[Tensor]
r"""Standard normal draws, one tensor of shape :math:`(*K, B, d_i)` a layer.

``*K`` are any leading dimensions of draws, usually none or one. The same noise for two images is
the *common-noise* path, fresh noise at every call the *sampled* path, no noise the *mean* path.
"""


@dataclass(frozen=True)
class Posterior:
    r"""The chain :math:`q(z^1|x), q(z^2|z^1,x), \dots, q(z^L|z^{L-1},x)` along one walked path.

    Args:
        layers: the conditional of each layer, bottom (next to the data) first.
        z: the path walked: :math:`z^i` of shape :math:`(*K, B, d_i)`.
    """

    layers: tuple[Normal, ...]
    z: tuple[Tensor, ...]


@runtime_checkable
class Autoencoder(Protocol):
    """A variational autoencoder with :math:`L \\geq 1` layers of diagonal-Gaussian latents."""

    @property
    def bounds(self) -> tuple[float, float]:
        """The smallest and the largest value a pixel can take."""
        ...

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """:math:`(C, H, W)`."""
        ...

    @property
    def latent_sizes(self) -> tuple[int, ...]:
        """:math:`(d_1, \\dots, d_L)`, the layer next to the data first."""
        ...

    def encode(self, x: Tensor, noise: Noise | None = None) -> Posterior:
        """The posterior chain of images :math:`(B, C, H, W)`; without noise the path of means."""
        ...

    def prior(self, z: Sequence[Tensor]) -> tuple[Normal, ...]:
        r""":math:`p(z^i|z^{i+1})` for every layer, :math:`\mathcal N(0, I)` at the top."""
        ...

    def decode(self, z: Sequence[Tensor]) -> ImageDistribution:
        """The likelihood :math:`p(x|z)`, images of shape :math:`(*K, B, C, H, W)`."""
        ...


def draw_noise(
    latent_sizes: Sequence[int],
    shape: Sequence[int],
    generator: torch.Generator,
    *,
    like: Tensor | None = None,
) -> tuple[Tensor, ...]:
    r"""Standard normal noise for every layer, each of shape :math:`(*\text{shape}, d_i)`.

    It is drawn in float64 on the generator's device and then cast, so that one seed means the
    same noise in every precision and on every device.

    Args:
        latent_sizes: :math:`(d_1, \dots, d_L)`.
        shape: leading shape, e.g. ``(B,)`` or ``(K, B)``.
        generator: the source of the draws.
        like: a tensor whose dtype and device the noise takes (default: float32 on the CPU).

    Example:
        >>> noise = draw_noise((4, 2), (8,), torch.Generator().manual_seed(0))
        >>> [tuple(n.shape) for n in noise]
        [(8, 4), (8, 2)]
    """
    like = torch.empty(0) if like is None else like
    draws = (
        torch.randn(*shape, d, generator=generator, dtype=torch.float64, device=generator.device)
        for d in latent_sizes
    )
    return tuple(draw.to(like) for draw in draws)


def modules_of(model: object) -> list[nn.Module]:
    """The model, or the modules that an adapter which is none itself holds."""
    if isinstance(model, nn.Module):
        return [model]
    return [part for part in getattr(model, "__dict__", {}).values() if isinstance(part, nn.Module)]
