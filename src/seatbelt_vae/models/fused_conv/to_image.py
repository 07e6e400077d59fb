"""BatchNorm, (leaky) ReLU and transposed convolution from the last features to the image."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from seatbelt_vae.kernels import FUSED_CONV
from seatbelt_vae.models.batch_norm import BatchNormReLU
from seatbelt_vae.models.fused_conv.memory_layout import (
    channels_first,
    channels_last,
    from_patch_matrix,
    is_native,
    summed,
    to_patch_matrix,
)
from seatbelt_vae.parallel.process_group import ProcessGroup

__all__ = ["ToImage"]


class ToImage(BatchNormReLU):
    """BatchNorm, ReLU, transposed convolution: :math:`(B, F, h, w)` to :math:`(B, C, 2h, 2w)`.

    Args:
        layer: the convolution, which keeps its weights; see `is_to_image`.
        norm, slope: as for `BatchNormReLU`.
    """

    def __init__(
        self, layer: nn.ConvTranspose2d, norm: nn.BatchNorm1d | nn.BatchNorm2d, slope: float
    ) -> None:
        super().__init__(norm, slope)
        self._layer = (layer,)

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
        ctx.channels = _channel_terms(mean, variance, weight, bias, eps)
        ctx.arguments = {"slope": slope, "bfloat16": x.dtype == torch.bfloat16}
        ctx.workers = workers
        ctx.save_for_backward(values, kernel)
        ctx.mark_non_differentiable(mean, variance)
        (image,) = FUSED_CONV(
            "to_image",
            values=values,
            weight_by_features=to_patch_matrix(kernel).T.contiguous(),
            scale=ctx.channels["scale"],
            shift=ctx.channels["shift"],
            **ctx.arguments,
        )
        return channels_first(image), mean, variance

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        values, kernel = ctx.saved_tensors
        arguments = ctx.arguments | {
            "image": channels_last(gradients[0].float()),
            "values": values,
            "weight": to_patch_matrix(kernel),
            **ctx.channels,
        }
        of_kernel, (sums, products) = summed("image_gradient_sums", **arguments)
        means = _gradient_means(sums, products, values[..., 0].numel(), ctx.workers)
        (back,) = FUSED_CONV("input_gradient", **arguments, **means)
        of_norm = products.float(), sums.float()
        return channels_first(back), *of_norm, from_patch_matrix(of_kernel), None, None, None


def _channel_terms(
    mean: Tensor, variance: Tensor, weight: Tensor, bias: Tensor, eps: float
) -> dict[str, Tensor]:
    """Scale, shift, mean and inverse standard deviation of each channel, float32."""
    inverse = torch.rsqrt(variance + eps)
    scale = weight * inverse
    shift = bias - mean * scale
    terms = {"scale": scale, "shift": shift, "mean": mean, "inverse_deviation": inverse}
    return {name: value.float() for name, value in terms.items()}


def _gradient_means(
    sums: Tensor, products: Tensor, count: int, workers: ProcessGroup
) -> dict[str, Any]:
    """Means over all workers of the gradient, and of gradient × normalised input, float32."""
    return {
        "mean_gradient": workers.mean(sums / count).float(),
        "mean_gradient_times_x": workers.mean(products / count).float(),
    }


def _moments(values: Tensor, colours: int, workers: ProcessGroup) -> tuple[Tensor, Tensor]:
    """Mean and variance of each channel over the whole batch of all workers, float64."""
    count = values[..., 0].numel()
    # subtract the first position, because sums of values far from 0 lose digits
    origin = values[0, 0, 0].float()
    ((sums, squares),) = summed(
        "value_sums",
        values=values,
        mean=origin,
        colours=colours,
        bfloat16=values.dtype == torch.bfloat16,
    )
    mean = sums / count
    local_variance = (squares / count - mean.square()).clamp_min(0)
    local_mean = mean + origin
    mean = workers.mean(local_mean)
    return mean, workers.mean(local_variance + (local_mean - mean).square())


_to_image: Callable[..., tuple[Tensor, Tensor, Tensor]] = _ToImage.apply
