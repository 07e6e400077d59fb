"""Conditions for the kernel of fused convolutions, and the layouts of weights and images."""

from typing import TypeGuard

import torch
from torch import Tensor, nn

from seatbelt_vae.kernels import FUSED_CONV

__all__ = [
    "channels_first",
    "channels_last",
    "from_patch_matrix",
    "is_from_image",
    "is_native",
    "is_to_image",
    "summed",
    "to_patch_matrix",
]

_GROUP = 16  # features that the kernel computes at once
_MOST_COLOURS = 4


def is_from_image(layer: nn.Module) -> TypeGuard[nn.Conv2d]:
    """Whether a layer is a 4×4 convolution of stride 2 from at most four channels, without bias."""
    return (
        isinstance(layer, nn.Conv2d)
        and _fits(layer, layer.in_channels, layer.out_channels)
        and layer.bias is None
    )


def is_to_image(layer: nn.Module) -> TypeGuard[nn.ConvTranspose2d]:
    """Whether a layer is a 4×4 transposed convolution of stride 2 to at most four channels."""
    return (
        isinstance(layer, nn.ConvTranspose2d)
        and _fits(layer, layer.out_channels, layer.in_channels)
        and layer.output_padding == (0, 0)
    )


def is_native(x: Tensor, dtype: torch.dtype) -> bool:
    """Whether the kernel can compute with features of a dtype on the device of ``x``."""
    supported = x.device.type == "cpu" and dtype in (torch.float32, torch.bfloat16)
    return supported and x.numel() > 0 and FUSED_CONV.is_built()


def to_patch_matrix(kernel: Tensor) -> Tensor:
    """Weights :math:`(F, C, 4, 4)` as (16 C, F), in the order of a patch: row, column, channel."""
    return kernel.detach().float().permute(2, 3, 1, 0).flatten(0, 2).contiguous()


def from_patch_matrix(weight: Tensor) -> Tensor:
    """The inverse of `to_patch_matrix`, in float32."""
    kernel: Tensor = weight.float().T.unflatten(1, (4, 4, -1)).permute(0, 3, 1, 2)
    return kernel


def channels_last(x: Tensor) -> Tensor:
    """:math:`(B, C, H, W)` as a contiguous (B, H, W, C)."""
    return x.contiguous(memory_format=torch.channels_last).permute(0, 2, 3, 1)


def channels_first(x: Tensor) -> Tensor:
    """The inverse of `channels_last`, a view."""
    return x.permute(0, 3, 1, 2)


def summed(function: str, **arguments: object) -> list[Tensor]:
    """Results of a kernel function, summed over the parts of its work, float64."""
    return [parts.sum(0) for parts in FUSED_CONV(function, **arguments)]


def _fits(layer: nn.Conv2d | nn.ConvTranspose2d, colours: int, features: int) -> bool:
    shape = layer.kernel_size, layer.stride, layer.padding, layer.dilation, layer.groups
    return (
        shape == ((4, 4), (2, 2), (1, 1), (1, 1), 1)
        and layer.padding_mode == "zeros"
        and colours <= _MOST_COLOURS
        and features % _GROUP == 0
    )
