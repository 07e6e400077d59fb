"""Convolution, BatchNorm and (leaky) ReLU from the image to its first features."""

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

__all__ = ["FromImage"]


class FromImage(BatchNormReLU):
    """Convolution, BatchNorm and ReLU: :math:`(B, C, 2h, 2w)` to :math:`(B, F, h, w)`.

    With m and S the mean and the covariance of a patch, a feature with weights w has mean w·m and
    variance w·S w. The sums of the gradient follow from S and Σ patch · gradient.

    Args:
        layer: the convolution, which keeps its weights; see `is_from_image`.
        norm, slope: as for `BatchNormReLU`.
    """

    def __init__(
        self, layer: nn.Conv2d, norm: nn.BatchNorm1d | nn.BatchNorm2d, slope: float
    ) -> None:
        super().__init__(norm, slope)
        self._layer = (layer,)  # a tuple, so that its parameters keep their names

    def forward(self, x: Tensor) -> Tensor:
        (layer,) = self._layer
        dtype = _dtype(x)
        even = not any(side % 2 for side in x.shape[2:])
        if not self.training or not even or x.requires_grad or not is_native(x, dtype):
            return super().forward(layer(x))
        y, mean, variance = _from_image(
            x, layer.weight, self.weight, self.bias, self.eps, self.slope, dtype, self.workers
        )
        self.track(mean, variance, y.numel() // y.shape[1])
        return y


class _FromImage(Function):
    """`FromImage` by the kernel; also returns the moments of the batch, without gradient."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        kernel: Tensor,
        weight: Tensor,
        bias: Tensor,
        eps: float,
        slope: float,
        dtype: torch.dtype,
        workers: ProcessGroup,
    ) -> tuple[Tensor, Tensor, Tensor]:
        image = channels_last(x.float())
        positions = image[..., 0].numel() // 4
        # subtract the first pixel, because sums of values far from 0 lose digits
        origin = float(image[0, 0, 0, 0])
        sums, products = summed("patch_sums", image=image, origin=origin)
        local_mean = sums / positions
        local_covariance = products / positions - local_mean.outer(local_mean)
        local_mean = local_mean + origin
        patch = workers.mean(local_mean)
        apart = local_mean - patch
        covariance = workers.mean(local_covariance + apart.outer(apart))
        wide = to_patch_matrix(kernel).double()
        mean = patch @ wide
        variance = (wide * (covariance @ wide)).sum(0).clamp_min(0)
        inverse = torch.rsqrt(variance + eps)
        scale = weight * inverse
        ctx.arguments = {
            "weight": (wide * scale).float(),
            "shift": (bias - mean * scale).float(),
            "slope": slope,
            "bfloat16": dtype == torch.bfloat16,
        }
        ctx.dtype, ctx.positions = dtype, positions
        ctx.moments, ctx.channels = (local_mean, local_covariance), (mean, inverse, scale)
        ctx.workers = workers
        ctx.save_for_backward(image, kernel)
        ctx.mark_non_differentiable(mean, variance)
        (y,) = FUSED_CONV("features", image=image, **ctx.arguments)
        return channels_first(y), mean, variance

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        image, kernel = ctx.saved_tensors
        mean, inverse, scale = ctx.channels
        local_mean, local_covariance = ctx.moments
        gradient = channels_last(gradients[0].to(ctx.dtype))
        of_patches, sums = summed(
            "feature_gradient_sums", image=image, values=gradient, **ctx.arguments
        )
        wide = to_patch_matrix(kernel).double()
        products = inverse * ((wide * of_patches).sum(0) - mean * sums)
        mean_gradient = ctx.workers.mean(sums / ctx.positions)
        mean_gradient_times_x = ctx.workers.mean(products / ctx.positions)
        # means over this worker of a patch, and of patch × normalised features
        apart = local_mean @ wide - mean
        of_x = inverse * (local_covariance @ wide + local_mean[:, None] * apart)
        of_kernel = of_patches - ctx.positions * (
            local_mean[:, None] * mean_gradient + of_x * mean_gradient_times_x
        )
        back = from_patch_matrix(scale * of_kernel)
        return None, back, products.float(), sums.float(), None, None, None, None


_from_image: Callable[..., tuple[Tensor, Tensor, Tensor]] = _FromImage.apply


def _dtype(x: Tensor) -> torch.dtype:
    """The dtype of a convolution of ``x`` under autocast."""
    kind = x.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else x.dtype
