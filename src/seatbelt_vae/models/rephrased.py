"""Layers put in the form that runs fastest where only their input is differentiated.

With few channels the usual kernels of the convolutions next to the image spend a third of the time
of an attack there. In compiled code such a convolution is one with its rectifier; elsewhere it
passes its gradient as one matrix product.
"""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from seatbelt_vae.models.ends import FrozenFromImage, FrozenToImage, is_from_image, is_to_image
from seatbelt_vae.models.points import FromPoint, ToPoint

__all__ = ["rephrase", "rephrased"]

_FEW_CHANNELS = 4


def rephrase(layers: nn.Sequential) -> None:
    """Put every layer of a sequence in that form."""
    for place, layer in enumerate(layers):
        new = rephrased(layer)
        if is_from_image(layer):
            following = _rectifier(layers, range(place + 1, len(layers)))
            if following is not None:
                new = FrozenFromImage(layer, _take_slope(layers, following), new)
        elif is_to_image(layer):
            preceding = _rectifier(layers, reversed(range(place)))
            if preceding is not None:
                new = FrozenToImage(_take_slope(layers, preceding), layer, new)
        layers[place] = new


def _rectifier(layers: nn.Sequential, places: Iterable[int]) -> int | None:
    """The first of the places where anything is done, if it is a rectifier's."""
    for place in places:
        if isinstance(layers[place], nn.ReLU | nn.LeakyReLU):
            return place
        if not isinstance(layers[place], nn.Identity):
            return None
    return None


def _take_slope(layers: nn.Sequential, place: int) -> float:
    """The slope below 0 of the rectifier at a place, which another layer will do."""
    slope = getattr(layers[place], "negative_slope", 0.0)
    layers[place] = nn.Identity()
    return slope


def rephrased(layer: nn.Module) -> nn.Module:
    """The layer in a form that runs faster, if there is one; weights take no gradient in it."""
    if isinstance(layer, ToPoint | FromPoint):
        return layer
    if isinstance(layer, nn.Conv2d) and layer.in_channels <= _FEW_CHANNELS:
        return _FromImage(layer)
    if isinstance(layer, nn.ConvTranspose2d) and layer.out_channels <= _FEW_CHANNELS:
        return _ToImage(layer)
    return layer


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
