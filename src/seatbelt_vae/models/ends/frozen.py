"""The same layers where weights are frozen, differentiated by their input only."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.nn import functional

from seatbelt_vae.models.ends.native import Ends, is_native
from seatbelt_vae.models.ends.taps import by_taps

__all__ = ["FrozenFromImage", "FrozenToImage"]


class FrozenFromImage(nn.Module):
    """A convolution and its rectifier: :math:`(B, C, 2h, 2w)` to :math:`(B, F, h, w)`.

    Args:
        layer: the convolution; `is_from_image` must hold.
        slope: of the rectifier below 0.
        plain: the same map as the convolution, used where the compiled code is not.
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
    """A rectifier and a transposed convolution: :math:`(B, F, h, w)` to :math:`(B, C, 2h, 2w)`.

    Args:
        slope: of the rectifier below 0.
        layer: the convolution; `is_to_image` must hold.
        plain: the same map as the convolution, used where the compiled code is not.
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
    """`FrozenFromImage` in compiled code."""

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
        images, colours, height, width = x.shape
        ends = Ends((images, len(weight), height // 2, width // 2), colours, x.dtype, slope)
        y = ends.features(_channels_last(x), taps, shift)
        ctx.ends, ctx.weight, ctx.by_features = ends, weight, by_features
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (y,) = ctx.saved_tensors
        gradient = gradients[0]
        if torch.is_grad_enabled():  # to be differentiated again
            behind = torch.where(y > 0, gradient, gradient * ctx.ends.slope)
            back = functional.conv_transpose2d(behind, ctx.weight, None, 2, 1)
        else:
            back = ctx.ends.image_gradient(_channels_last(gradient), y, ctx.by_features)
        return back, None, None, None, None, None


class _Imaged(Function):
    """`FrozenToImage` in compiled code, but for its bias."""

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
        x = _channels_last(x)
        ctx.ends = Ends(tuple(x.shape), weight.shape[1], x.dtype, slope)
        ctx.weight, ctx.taps, ctx.one, ctx.zero = weight, taps, one, zero
        ctx.save_for_backward(x)
        image: Tensor = ctx.ends.image(x, by_features, one, zero)
        return image

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (x,) = ctx.saved_tensors
        gradient = gradients[0]
        if torch.is_grad_enabled():  # to be differentiated again
            through = functional.conv2d(gradient, ctx.weight, None, 2, 1)
            back = torch.where(x > 0, through, through * ctx.ends.slope)
        else:
            names = ("shift", "mean", "inverse_deviation", "mean_gradient", "mean_gradient_times_x")
            channels = {"scale": ctx.one, **dict.fromkeys(names, ctx.zero)}
            back = ctx.ends.differentiated(_channels_last(gradient), x, ctx.taps, channels)
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


def _channels_last(x: Tensor) -> Tensor:
    return x.contiguous(memory_format=torch.channels_last)
