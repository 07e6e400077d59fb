"""Convolutions 4×4 of stride 2 between colours and features, and their weights by taps."""

from typing import TypeGuard

from torch import Tensor, nn

from seatbelt_vae.models.ends.native import GROUP

__all__ = ["by_taps", "from_taps", "is_from_image", "is_to_image"]

_MOST_COLOURS = 4


def is_from_image(layer: nn.Module) -> TypeGuard[nn.Conv2d]:
    """Whether it is such a convolution of few colours."""
    return isinstance(layer, nn.Conv2d) and _is_end(layer, layer.in_channels, layer.out_channels)


def is_to_image(layer: nn.Module) -> TypeGuard[nn.ConvTranspose2d]:
    """Whether it is such a transposed convolution to few colours."""
    return (
        isinstance(layer, nn.ConvTranspose2d)
        and _is_end(layer, layer.out_channels, layer.in_channels)
        and layer.output_padding == (0, 0)
    )


def by_taps(kernel: Tensor) -> Tensor:
    """Weights :math:`(F, C, 4, 4)` as (T, F)."""
    return kernel.detach().float().permute(2, 3, 1, 0).flatten(0, 2).contiguous()


def from_taps(weight: Tensor) -> Tensor:
    """The inverse, in float32."""
    kernel: Tensor = weight.float().T.unflatten(1, (4, 4, -1)).permute(0, 3, 1, 2)
    return kernel


def _is_end(layer: nn.Conv2d | nn.ConvTranspose2d, colours: int, features: int) -> bool:
    shape = layer.kernel_size, layer.stride, layer.padding, layer.dilation, layer.groups
    return (
        shape == ((4, 4), (2, 2), (1, 1), (1, 1), 1)
        and layer.padding_mode == "zeros"
        and colours <= _MOST_COLOURS
        and features % GROUP == 0
    )
