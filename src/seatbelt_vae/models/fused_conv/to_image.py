"""BatchNorm, (leaky) ReLU and transposed convolution from the last features to the image."""

from collections.abc import Callable
from typing import Any, TypeGuard

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from seatbelt_vae.kernels import FUSED_CONV
from seatbelt_vae.models.batch_norm import BatchNormReLU, channel_terms, gradient_means
from seatbelt_vae.models.fused_conv.taps import (
    by_taps,
    channels_first,
    channels_last,
    from_taps,
    is_native,
    is_to_image,
    summed,
)
from seatbelt_vae.parallel.process_group import ProcessGroup

__all__ = ["ToImage"]


class ToImage(BatchNormReLU):
    """BatchNorm, ReLU, transposed convolution: :math:`(B, F, h, w)` to :math:`(B, C, 2h, 2w)`.

    Args:
        layer: the convolution; `fits` must hold. It keeps its weights.
        norm, slope: as for `BatchNormReLU`.
    """

    def __init__(
        self, layer: nn.ConvTranspose2d, norm: nn.BatchNorm1d | nn.BatchNorm2d, slope: float
    ) -> None:
        super().__init__(norm, slope)
        self._layer = (layer,)

    @staticmethod
    def fits(layer: nn.Module) -> TypeGuard[nn.ConvTranspose2d]:
        """Whether the kernel computes a layer, see `is_to_image`."""
        return is_to_image(layer)

    def forward(self, x: Tensor) -> Tensor:
        (layer,) = self._layer
        if not self.training or not is_native(x, x.dtype):
            image: Tensor = layer(super().forward(x))
            return image
        image, mean, variance = _to_image(
            x, self.weight, self.bias, layer.weight, self.eps, self.slope, self.workers
        )
        self.track(mean, variance, x.numel() // x.shape[1])
        return image if layer.bias is None else image + layer.bias[:, None, None]


class _ToImage(Function):
    """`ToImage` by the kernel, without the convolution's bias; also returns the moments."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor,
        kernel: Tensor,
        eps: float,
        slope: float,
        workers: ProcessGroup,
    ) -> tuple[Tensor, Tensor, Tensor]:
        values = channels_last(x)
        mean, variance = _moments(values, kernel.shape[1], workers)
        ctx.channels = channel_terms(mean, variance, weight, bias, eps)
        ctx.given = {"slope": slope, "bfloat16": x.dtype == torch.bfloat16}
        ctx.workers = workers
        ctx.save_for_backward(values, kernel)
        ctx.mark_non_differentiable(mean, variance)
        (image,) = FUSED_CONV(
            "to_image",
            values=values,
            weight_by_features=by_taps(kernel).T.contiguous(),
            scale=ctx.channels["scale"],
            shift=ctx.channels["shift"],
            **ctx.given,
        )
        return channels_first(image), mean, variance

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        values, kernel = ctx.saved_tensors
        given = ctx.given | {
            "image": channels_last(gradients[0].float()),
            "values": values,
            "weight": by_taps(kernel),
            **ctx.channels,
        }
        of_kernel, (sums, products) = summed("image_gradient_sums", **given)
        means = gradient_means(sums, products, values[..., 0].numel(), ctx.workers)
        (back,) = FUSED_CONV("input_gradient", **given, **means)
        of_norm = products.float(), sums.float()
        return channels_first(back), *of_norm, from_taps(of_kernel), None, None, None


def _moments(values: Tensor, colours: int, workers: ProcessGroup) -> tuple[Tensor, Tensor]:
    """Mean and variance of each channel over the whole batch of all workers, float64."""
    count = values[..., 0].numel()
    # sums of values far from 0 lose digits: the first position is subtracted
    origin = values[0, 0, 0].float()
    ((sums, squares),) = summed(
        "value_sums",
        values=values,
        mean=origin,
        colours=colours,
        bfloat16=values.dtype == torch.bfloat16,
    )
    mean = sums / count
    own_variance = (squares / count - mean.square()).clamp_min(0)
    own_mean = mean + origin
    mean = workers.mean(own_mean)
    return mean, workers.mean(own_variance + (own_mean - mean).square())


_to_image: Callable[..., tuple[Tensor, Tensor, Tensor]] = _ToImage.apply
