"""A frozen copy of a model with faster layers for inference.

Every BatchNorm is folded into the layer before it, and rescaled weights are computed once. The
gradient of a convolution with few channels, which is slow in torch, is one matrix product.
"""

import copy
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import convert_conv2d_weight_memory_format
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

from seatbelt_vae.models.hierarchical import HierarchicalVAE
from seatbelt_vae.models.lipschitz import with_plain_weights

__all__ = ["faster_form", "fold_batch_norm", "speed_up"]

_FEW_CHANNELS = 4


def fold_batch_norm(model: HierarchicalVAE) -> HierarchicalVAE:
    """A frozen copy in evaluation mode with BatchNorm folded and faster convolutions.

    Its outputs equal those of the model up to rounding. Its parameters require no gradient.
    """
    folded = copy.deepcopy(model).eval()
    with_plain_weights(folded)
    for module in folded.modules():
        if isinstance(module, nn.Sequential):
            _fold(module)
    speed_up(folded)
    return folded.eval().requires_grad_(False)


def _fold(layers: nn.Sequential) -> None:
    for index in range(len(layers)):
        layer, norm = layers[index], layers[min(index + 1, len(layers) - 1)]
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d) and isinstance(norm, nn.BatchNorm2d):
            transpose = isinstance(layer, nn.ConvTranspose2d)
            layer = fuse_conv_bn_eval(layer, norm, transpose)
            layers[index + 1] = nn.Identity()
        elif isinstance(layer, nn.Linear) and isinstance(norm, nn.BatchNorm1d):
            layer = fuse_linear_bn_eval(layer, norm)
            layers[index + 1] = nn.Identity()
        layers[index] = layer


def speed_up(module: nn.Module) -> None:
    """Give the convolutions of a frozen model on a CPU their faster forms, in place.

    The maps and the names of the weights stay the same.
    """
    for layer in module.modules():
        faster_form(layer)
    # gradients with channels last take a third less time
    convert_conv2d_weight_memory_format(module, torch.channels_last)


def faster_form(layer: nn.Module) -> None:
    """Change a convolution next to an image to a faster class of the same map, if it has one."""
    if type(layer) not in (nn.Conv2d, nn.ConvTranspose2d) or not _is_plain(layer):
        return
    if isinstance(layer, nn.Conv2d) and layer.in_channels <= _FEW_CHANNELS:
        layer.__class__ = _FewInputs
    elif isinstance(layer, nn.ConvTranspose2d) and layer.out_channels <= _FEW_CHANNELS:
        layer.__class__ = _FewOutputs


def _is_plain(layer: Any) -> bool:
    """Whether a convolution is one that `_scatter` computes."""
    return (
        layer.weight.dtype in (torch.float32, torch.float64)
        and layer.weight.device.type == "cpu"
        and layer.groups == 1
        and layer.dilation == (1, 1)
        and layer.output_padding == (0, 0)
        and layer.padding_mode == "zeros"
        and isinstance(layer.padding, tuple)
    )


class _FewInputs(nn.Conv2d):
    """A convolution of few input channels, with `_scatter` in its backward pass."""

    def forward(self, x: Tensor) -> Tensor:
        """The features; with a gradient of the weights, those of the usual form."""
        if self.weight.requires_grad or x.ndim != 4:
            return super().forward(x)
        found: Tensor = _Gather.apply(x, self.weight, self.bias, self.stride, self.padding)
        return found


class _FewOutputs(nn.ConvTranspose2d):
    """A transposed convolution of few output channels, with `_scatter` in its forward pass."""

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        """The image; with a gradient of the weights, that of the usual form."""
        if self.weight.requires_grad or x.ndim != 4 or output_size is not None:
            return super().forward(x, output_size)
        out: Tensor = _Scatter.apply(x, self.weight, self.stride, self.padding)
        return out if self.bias is None else out + self.bias[:, None, None]


class _Gather(torch.autograd.Function):
    """A convolution that is differentiated with respect to its input only."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        stride: tuple[int, int],
        padding: tuple[int, int],
    ) -> Tensor:
        ctx.weight, ctx.stride, ctx.padding, ctx.size = weight, stride, padding, x.shape[2:]
        return functional.conv2d(x, weight, bias, stride, padding)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None, None]:
        back = _scatter(gradients[0], ctx.weight, ctx.stride, ctx.padding, ctx.size)
        return back, None, None, None, None


class _Scatter(torch.autograd.Function):
    """The adjoint of `_Gather`, differentiated with respect to its input only."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        stride: tuple[int, int],
        padding: tuple[int, int],
    ) -> Tensor:
        ctx.weight, ctx.stride, ctx.padding = weight, stride, padding
        size = [
            (side - 1) * step - 2 * pad + kernel
            for side, step, pad, kernel in zip(
                x.shape[2:], stride, padding, weight.shape[2:], strict=True
            )
        ]
        return _scatter(x, weight, stride, padding, torch.Size(size))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        back = functional.conv2d(gradients[0], ctx.weight, None, ctx.stride, ctx.padding)
        return back, None, None, None


def _scatter(
    y: Tensor, weight: Tensor, stride: tuple[int, int], padding: tuple[int, int], size: torch.Size
) -> Tensor:
    """The adjoint of a convolution: one matrix product for all patches, then their sum."""
    channels_last = y.permute(0, 2, 3, 1).flatten(1, 2)
    patches = weight.flatten(1).T @ channels_last.mT
    return functional.fold(patches, tuple(size), weight.shape[2:], 1, padding, stride)
