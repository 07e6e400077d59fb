"""The networks between images and features, and between layers of latents.

Sizes follow Chen et al. (2018) at 64×64; the number of stages follows the image size. A layer
before BatchNorm has no bias, because Adam would amplify the rounding noise of its gradient.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional

from seatbelt_vae.models.image_sizes import coarsest, cropped, padding, stage_widths, stages
from seatbelt_vae.models.points import FromPoint, ToPoint

__all__ = [
    "ConvDecoder",
    "ConvEncoder",
    "GaussianHead",
    "MLPDecoder",
    "MLPEncoder",
    "hierarchy_net",
    "unit_variance_head",
]


class ConvEncoder(nn.Module):
    r"""Images :math:`(B, C, H, W)` to features :math:`(B, F)`.

    :math:`s = \lfloor\log_2(\min(H, W)/4)\rfloor` 4×4 convolutions of stride 2, then one over all
    remaining positions, each with BatchNorm and ReLU. Sides are edge-padded to a multiple of
    :math:`2^s`.
    """

    def __init__(
        self, image_shape: tuple[int, int, int], filters: Sequence[int], features: int
    ) -> None:
        super().__init__()
        channels, height, width = image_shape
        widths = stage_widths(filters, stages(height, width))
        self.padding = padding(height, width)
        layers: list[nn.Module] = []
        for before, after in zip([channels, *widths], widths, strict=False):
            layers += _normalised(nn.Conv2d(before, after, 4, 2, 1, bias=False))
        layers += _normalised(ToPoint(widths[-1], features, coarsest(height, width), bias=False))
        self.layers = nn.Sequential(*layers, nn.Flatten())

    def forward(self, x: Tensor) -> Tensor:
        if any(self.padding):
            x = functional.pad(x, self.padding, mode="replicate")
        features: Tensor = self.layers(x)
        return features


class ConvDecoder(nn.Module):
    """Latents :math:`(B, d)` to images or logits; the mirror of `ConvEncoder`."""

    def __init__(
        self,
        latents: int,
        image_shape: tuple[int, int, int],
        filters: Sequence[int],
        features: int,
    ) -> None:
        super().__init__()
        channels, height, width = image_shape
        self.size = (height, width)
        widths = stage_widths(filters, stages(height, width))[::-1]
        layers: list[nn.Module] = [nn.Unflatten(-1, (latents, 1, 1))]
        layers += _normalised(FromPoint(latents, features, (1, 1), bias=False))
        layers += _normalised(FromPoint(features, widths[0], coarsest(height, width), bias=False))
        for before, after in pairwise(widths):
            layers += _normalised(nn.ConvTranspose2d(before, after, 4, 2, 1, bias=False))
        layers.append(nn.ConvTranspose2d(widths[-1], channels, 4, 2, 1))
        self.layers = nn.Sequential(*layers)

    def forward(self, z: Tensor) -> Tensor:
        image: Tensor = self.layers(z)
        return cropped(image, *self.size)


class MLPEncoder(nn.Sequential):
    """Images to features: two hidden layers with ReLU (the published dSprites models)."""

    def __init__(self, image_shape: tuple[int, int, int], features: int) -> None:
        pixels = math.prod(image_shape)
        super().__init__(
            nn.Flatten(),
            nn.Linear(pixels, features),
            nn.ReLU(),
            nn.Linear(features, features),
            nn.ReLU(),
        )


class MLPDecoder(nn.Sequential):
    """Latents to images or logits: three Tanh layers (the published dSprites models)."""

    def __init__(self, latents: int, image_shape: tuple[int, int, int], features: int) -> None:
        layers: list[nn.Module] = []
        for inputs in (latents, features, features):
            layers += [nn.Linear(inputs, features), nn.Tanh()]
        pixels = nn.Linear(features, math.prod(image_shape))
        super().__init__(*layers, pixels, nn.Unflatten(-1, image_shape))


class GaussianHead(nn.Linear):
    r"""Features :math:`(*, F)` to the mean and the log-variance of :math:`d` units."""

    def __init__(self, features: int, latents: int) -> None:
        super().__init__(features, 2 * latents)


def unit_variance_head(features: int, latents: int) -> GaussianHead:
    """A head between layers of latents: its variances start at 1.

    Random log-variances multiply the spread of one layer in the next, so that a KL of small weight,
    as in a warm-up, can rise to 1e8 nats in ten steps. Means start at random: from 0 fewer units of
    the middle layers become active.
    """
    head = GaussianHead(features, latents)
    nn.init.zeros_(head.weight[latents:])
    nn.init.zeros_(head.bias[latents:])
    return head


def hierarchy_net(inputs: int, width: int) -> nn.Sequential:
    """The network between two layers of latents: two hidden layers, BatchNorm and LeakyReLU."""
    return nn.Sequential(
        nn.Linear(inputs, width, bias=False),
        nn.BatchNorm1d(width),
        nn.LeakyReLU(0.01),
        nn.Linear(width, width, bias=False),
        nn.BatchNorm1d(width),
        nn.LeakyReLU(0.01),
    )


def _normalised(layer: nn.Conv2d | nn.ConvTranspose2d) -> list[nn.Module]:
    # in place, since no gradient needs the input of the ReLU; a copy costs 15 % of a step
    return [layer, nn.BatchNorm2d(layer.out_channels), nn.ReLU(inplace=True)]
