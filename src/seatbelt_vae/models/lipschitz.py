r"""Networks whose Lipschitz constant is known.

Every layer is 1-Lipschitz: its weight is rescaled to a spectral norm of at most 1 ("almost
orthogonal", Prach and Lampert 2022), `MaxMin` reorders pairs of values (Anil et al. 2019), and
images change resolution by moving pixels to channels and back. The mean of the code is multiplied
by one constant and the image by another, so that

.. math:: \|R(x) - R(y)\|_2 \leq a\,b\,\|x - y\|_2 .

There is no BatchNorm, whose scale has no bound.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from seatbelt_vae.models.image_sizes import coarsest, cropped, padding, stage_widths, stages

__all__ = [
    "LipschitzDecoder",
    "LipschitzEncoder",
    "LipschitzHead",
    "MaxMin",
    "RescaledConv",
    "RescaledLinear",
    "rescaled",
    "with_plain_weights",
]


class MaxMin(nn.Module):
    """Channels :math:`(B, C, *)` in pairs, the larger value of each first; a permutation."""

    def forward(self, x: Tensor) -> Tensor:
        first, second = x.chunk(2, dim=1)
        return torch.cat([torch.maximum(first, second), torch.minimum(first, second)], dim=1)


class LipschitzEncoder(nn.Module):
    """Images :math:`(B, C, H, W)` to features :math:`(B, F)`, 1-Lipschitz.

    Each stage halves the sides by moving pixels to channels, and has one 3×3 convolution. Sides are
    padded with zeros to a multiple of the coarsest pixel.
    """

    def __init__(
        self, image_shape: tuple[int, int, int], filters: Sequence[int], features: int
    ) -> None:
        super().__init__()
        channels, height, width = image_shape
        widths = stage_widths(filters, stages(height, width))
        rows, columns = coarsest(height, width)
        self.padding, self.features = padding(height, width), features
        layers: list[nn.Module] = []
        for before, after in zip([channels, *widths], widths, strict=False):
            layers += [nn.PixelUnshuffle(2), RescaledConv(4 * before, after), MaxMin()]
        layers += [nn.Flatten(), RescaledLinear(widths[-1] * rows * columns, features), MaxMin()]
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        if not len(x):  # PyTorch's PixelUnshuffle leaves an empty batch as it is
            return x.new_zeros(0, self.features)
        features: Tensor = self.layers(functional.pad(x, self.padding))
        return features


class LipschitzDecoder(nn.Module):
    """Latents :math:`(B, d)` to images or logits, with a Lipschitz constant."""

    def __init__(
        self,
        latents: int,
        image_shape: tuple[int, int, int],
        filters: Sequence[int],
        features: int,
        constant: float,
    ) -> None:
        super().__init__()
        channels, height, width = image_shape
        widths = stage_widths(filters, stages(height, width))[::-1]
        rows, columns = coarsest(height, width)
        self.image_shape, self.constant = image_shape, constant
        layers: list[nn.Module] = [RescaledLinear(latents, features), MaxMin()]
        layers += [RescaledLinear(features, widths[0] * rows * columns), MaxMin()]
        layers.append(nn.Unflatten(1, (widths[0], rows, columns)))
        for before, after in pairwise(widths):
            layers += [RescaledConv(before, 4 * after), MaxMin(), nn.PixelShuffle(2)]
        layers += [RescaledConv(widths[-1], 4 * channels), nn.PixelShuffle(2)]
        self.layers = nn.Sequential(*layers)

    def forward(self, z: Tensor) -> Tensor:
        if not len(z):
            return z.new_zeros(0, *self.image_shape)
        image: Tensor = self.constant * self.layers(z)
        return cropped(image, *self.image_shape[1:])


class LipschitzHead(nn.Module):
    """Features :math:`(B, F)` to the mean, with a Lipschitz constant, and the log-variance."""

    def __init__(self, features: int, latents: int, constant: float) -> None:
        super().__init__()
        self.constant = constant
        self.mean = RescaledLinear(features, latents)
        self.log_variance = nn.Linear(features, latents)

    def forward(self, features: Tensor) -> Tensor:
        return torch.cat([self.constant * self.mean(features), self.log_variance(features)], dim=-1)


class RescaledLinear(nn.Linear):
    """A 1-Lipschitz linear map that begins orthogonal."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs)
        nn.init.orthogonal_(self.weight)
        nn.init.zeros_(self.bias)

    def forward(self, x: Tensor) -> Tensor:
        return functional.linear(x, rescaled(self.weight), self.bias)


class RescaledConv(nn.Conv2d):
    """A 1-Lipschitz 3×3 convolution that begins as an orthogonal map of each pixel's channels."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, 3, padding=1)
        assert self.bias is not None
        nn.init.zeros_(self.weight)
        nn.init.orthogonal_(self.weight.data[:, :, 1, 1])
        nn.init.zeros_(self.bias)

    def forward(self, x: Tensor) -> Tensor:
        return functional.conv2d(x, rescaled(self.weight), self.bias, padding=1)


def rescaled(weight: Tensor) -> Tensor:
    r"""A weight W with norm at most 1: :math:`DW`, :math:`D_{ii} = (\sum_j |WW^T|_{ij})^{-1/2}`.

    The sum is over the smaller side of W, its outputs or its inputs. For a convolution it is also
    over all shifts of the kernel against itself. It is computed without autocast, whose rounding
    would exceed the norm.

    Args:
        weight: of a linear map (outputs, inputs) or a convolution (outputs, inputs, k, k).
    """
    side = int(weight.shape[0] > weight.shape[1])
    kernel = weight.transpose(0, side)
    with _full_precision(weight.device):
        if weight.ndim == 2:
            shared = kernel @ kernel.T
        else:
            shared = functional.conv2d(kernel, kernel, padding=weight.shape[-1] - 1)
    norms = shared.abs().flatten(1).sum(1).clamp_min(torch.finfo(weight.dtype).tiny)
    shape = [1] * weight.ndim
    shape[side] = -1
    return weight * norms.rsqrt().view(shape)


def with_plain_weights(model: nn.Module) -> None:
    """Give every layer its rescaled weight and its plain class, in place, for inference."""
    for layer in model.modules():
        if isinstance(layer, RescaledLinear | RescaledConv):
            layer.weight = nn.Parameter(rescaled(layer.weight.detach()))
            plain = nn.Linear if isinstance(layer, nn.Linear) else nn.Conv2d
            layer.__class__ = plain  # type: ignore[assignment]  # the base class, with equal fields


def _full_precision(device: torch.device) -> AbstractContextManager[object]:
    """Context without autocast, which some devices, such as ``meta``, do not have."""
    if not torch.amp.is_autocast_available(device.type):
        return nullcontext()
    return torch.autocast(device.type, enabled=False)
