"""Convolution and (leaky) ReLU next to the image, with frozen weights."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.nn import functional

from seatbelt_vae.kernels import FUSED_CONV
from seatbelt_vae.models.fused_conv.taps import (
    by_taps,
    channels_first,
    channels_last,
    is_native,
)

__all__ = ["FrozenFromImage", "FrozenToImage"]


class FrozenFromImage(nn.Module):
    """Convolution and ReLU: :math:`(B, C, 2h, 2w)` to :math:`(B, F, h, w)`.

    Args:
        layer: the convolution; `is_from_image` must hold.
        slope: of the ReLU below 0.
        plain: the same convolution, for inputs that the kernel does not take.
    """

    def __init__(self, layer: nn.Conv2d, slope: float, plain: nn.Module) -> None:
        super().__init__()
        self.plain, self.slope, self.weight = plain, slope, layer.weight
        _keep_taps(self, layer.weight)
        shift = torch.zeros(len(layer.weight)) if layer.bias is None else layer.bias
        self.register_buffer("shift", shift.detach().float().clone(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        if not _is_plain_float32(x) or any(side % 2 for side in x.shape[2:]):
            return functional.leaky_relu(self.plain(x), self.slope)
        return _rectified(x, self.weight, self.taps, self.by_features, self.shift, self.slope)


class FrozenToImage(nn.Module):
    """ReLU and transposed convolution: :math:`(B, F, h, w)` to :math:`(B, C, 2h, 2w)`.

    Args:
        slope: of the ReLU below 0.
        layer: the convolution; `is_to_image` must hold.
        plain: the same convolution, for inputs that the kernel does not take.
    """

    def __init__(self, slope: float, layer: nn.ConvTranspose2d, plain: nn.Module) -> None:
        super().__init__()
        self.plain, self.slope = plain, slope
        self.weight, self.bias = layer.weight, layer.bias
        _keep_taps(self, layer.weight)
        for name, value in (("one", 1.0), ("zero", 0.0)):
            channels = torch.full((len(layer.weight),), value)
            self.register_buffer(name, channels, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        if not _is_plain_float32(x):
            image: Tensor = self.plain(functional.leaky_relu(x, self.slope))
            return image
        image = _imaged(
            x, self.weight, self.taps, self.by_features, self.one, self.zero, self.slope
        )
        return image if self.bias is None else image + self.bias[:, None, None]


class _Rectified(Function):
    """`FrozenFromImage` by the kernel."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        taps: Tensor,
        by_features: Tensor,
        shift: Tensor,
        slope: float,
    ) -> Tensor:
        (y,) = FUSED_CONV(
            "features",
            image=channels_last(x),
            weight=taps,
            shift=shift,
            slope=slope,
            bfloat16=False,
        )
        ctx.slope, ctx.weight, ctx.by_features = slope, weight, by_features
        ctx.save_for_backward(y)
        return channels_first(y)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (y,) = ctx.saved_tensors
        gradient = gradients[0]
        if torch.is_grad_enabled():  # to be differentiated again
            positive = channels_first(y) > 0
            before = torch.where(positive, gradient, gradient * ctx.slope)
            back = functional.conv_transpose2d(before, ctx.weight, None, 2, 1)
        else:
            (image,) = FUSED_CONV(
                "image_gradient",
                values=channels_last(gradient),
                result=y,
                weight_by_features=ctx.by_features,
                slope=ctx.slope,
                bfloat16=False,
            )
            back = channels_first(image)
        return back, None, None, None, None, None


class _Imaged(Function):
    """`FrozenToImage` by the kernel, without its bias."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        taps: Tensor,
        by_features: Tensor,
        one: Tensor,
        zero: Tensor,
        slope: float,
    ) -> Tensor:
        values = channels_last(x)
        ctx.weight, ctx.taps, ctx.one, ctx.zero = weight, taps, one, zero
        ctx.given = {"slope": slope, "bfloat16": False}
        ctx.save_for_backward(values)
        (image,) = FUSED_CONV(
            "to_image",
            values=values,
            weight_by_features=by_features,
            scale=one,
            shift=zero,
            **ctx.given,
        )
        return channels_first(image)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (values,) = ctx.saved_tensors
        gradient = gradients[0]
        if torch.is_grad_enabled():  # to be differentiated again
            through = functional.conv2d(gradient, ctx.weight, None, 2, 1)
            positive = channels_first(values) > 0
            back = torch.where(positive, through, through * ctx.given["slope"])
        else:
            names = ("shift", "mean", "inverse_deviation", "mean_gradient", "mean_gradient_times_x")
            (values,) = FUSED_CONV(
                "input_gradient",
                image=channels_last(gradient),
                values=values,
                weight=ctx.taps,
                scale=ctx.one,
                **dict.fromkeys(names, ctx.zero),
                **ctx.given,
            )
            back = channels_first(values)
        return back, None, None, None, None, None, None


_rectified: Callable[..., Tensor] = _Rectified.apply
_imaged: Callable[..., Tensor] = _Imaged.apply


def _keep_taps(module: nn.Module, kernel: Tensor) -> None:
    taps = by_taps(kernel)
    module.register_buffer("taps", taps, persistent=False)
    module.register_buffer("by_features", taps.T.contiguous(), persistent=False)


def _is_plain_float32(x: Tensor) -> bool:
    autocast = torch.is_autocast_enabled(x.device.type)
    return x.dtype == torch.float32 and not autocast and is_native(x, x.dtype)
