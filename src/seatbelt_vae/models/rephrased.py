"""Layers put in the form that runs fastest where only their input is differentiated.

Convolutions to and from a single position become linear maps. Those between the image and its
first features pass their gradient as one matrix product: with so few channels the usual kernels
spend a third of the time of an attack there.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["rephrased"]

_FEW_CHANNELS = 4


def rephrased(layer: nn.Module) -> nn.Module:
    """The layer in a form that runs faster, if there is one.

    A convolution of stride 1 without padding is taken to cover its whole input, and a transposed
    one to start from a single position, as in `ConvEncoder` and `ConvDecoder`; the new form refuses
    any other input. Weights take no gradient in it.
    """
    if isinstance(layer, nn.Conv2d):
        if layer.stride == (1, 1) and layer.padding == (0, 0):
            return _ToPoint(layer)
        return _FromImage(layer) if layer.in_channels <= _FEW_CHANNELS else layer
    if isinstance(layer, nn.ConvTranspose2d):
        if layer.stride == (1, 1) and layer.padding == (0, 0):
            return _FromPoint(layer)
        return _ToImage(layer) if layer.out_channels <= _FEW_CHANNELS else layer
    return layer


class _ToPoint(nn.Sequential):
    """A convolution whose kernel covers the whole input: one linear map."""

    def __init__(self, layer: nn.Conv2d) -> None:
        linear = nn.Linear(layer.weight[0].numel(), layer.out_channels, layer.bias is not None)
        linear.weight = nn.Parameter(layer.weight.detach().flatten(1))
        if layer.bias is not None:
            linear.bias = nn.Parameter(layer.bias.detach())
        super().__init__(nn.Flatten(), linear, nn.Unflatten(1, (layer.out_channels, 1, 1)))


class _FromPoint(nn.Sequential):
    """A transposed convolution of a single position: one linear map."""

    def __init__(self, layer: nn.ConvTranspose2d) -> None:
        out = layer.weight.shape[1:]
        linear = nn.Linear(layer.in_channels, out.numel(), layer.bias is not None)
        linear.weight = nn.Parameter(layer.weight.detach().flatten(1).T.contiguous())
        if layer.bias is not None:
            spread = layer.bias.detach().repeat_interleave(out[1:].numel())
            linear.bias = nn.Parameter(spread)
        super().__init__(nn.Flatten(), linear, nn.Unflatten(1, tuple(out)))


class _FromImage(nn.Module):
    """A convolution of few channels, with `_scatter` for its gradient."""

    def __init__(self, layer: nn.Conv2d) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        layer = self.layer
        out: Tensor = _Gather.apply(x, layer.weight, layer.bias, layer.stride, layer.padding)
        return out


class _ToImage(nn.Module):
    """A transposed convolution to few channels, as `_scatter`."""

    def __init__(self, layer: nn.ConvTranspose2d) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        layer = self.layer
        out: Tensor = _Scatter.apply(x, layer.weight, layer.stride, layer.padding)
        return out if layer.bias is None else out + layer.bias[:, None, None]


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
    """The adjoint of a convolution: all patches by one matrix product, then laid on each other."""
    channels_last = y.permute(0, 2, 3, 1).flatten(1, 2)
    patches = weight.flatten(1).T @ channels_last.mT
    return functional.fold(patches, tuple(size), weight.shape[2:], 1, padding, stride)
