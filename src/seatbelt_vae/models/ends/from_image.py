"""From an image to its first features."""

from collections.abc import Callable
from typing import Any, TypeGuard

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from seatbelt_vae.models.ends.native import Ends, is_native
from seatbelt_vae.models.ends.taps import by_taps, from_taps, is_from_image
from seatbelt_vae.models.normalised import NormalisedReLU
from seatbelt_vae.parallel.process_group import ProcessGroup

__all__ = ["FromImage"]


class FromImage(NormalisedReLU):
    """A convolution, BatchNorm and rectifier: :math:`(B, C, 2h, 2w)` to :math:`(B, F, h, w)`.

    The batch's moments are those of the image's patches, mapped: with m and S the mean and the
    covariance of a patch, a feature of weights w has mean w·m and variance w·S w, and every sum
    that the gradient needs follows from S and the sum of patch times gradient.

    Args:
        layer: the convolution; `fits` must hold. Its weights stay its own.
        norm, slope: as for `NormalisedReLU`.
    """

    def __init__(
        self, layer: nn.Conv2d, norm: nn.BatchNorm1d | nn.BatchNorm2d, slope: float
    ) -> None:
        super().__init__(norm, slope)
        self._layer = (layer,)  # in a tuple: its parameters are registered where it stood

    @staticmethod
    def fits(layer: nn.Module) -> TypeGuard[nn.Conv2d]:
        """Whether it is a convolution 4×4 of stride 2, without bias, of few colours."""
        return is_from_image(layer) and layer.bias is None

    def forward(self, x: Tensor) -> Tensor:
        (layer,) = self._layer
        dtype = _dtype(x)
        even = not any(side % 2 for side in x.shape[2:])
        if not self.training or not even or x.requires_grad or not is_native(x, dtype):
            return super().forward(layer(x))
        y, mean, variance = _from_image(
            x, layer.weight, self.weight, self.bias, self.eps, self.slope, dtype, self.workers
        )
        self._track(mean, variance, y.numel() // y.shape[1])
        return y


class _FromImage(Function):
    """`FromImage` in compiled code; also returns the batch's moments, which take no gradient."""

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
        x = x.float().contiguous(memory_format=torch.channels_last)
        images, colours, height, width = x.shape
        ends = Ends((images, len(kernel), height // 2, width // 2), colours, dtype, slope)
        # sums of what is far from 0 lose digits: they are taken about the first pixel
        origin = float(x[0, 0, 0, 0])
        sums, products = ends.patch_sums(x, origin)
        own_mean = sums / ends.positions
        own_covariance = products / ends.positions - own_mean.outer(own_mean)
        own_mean = own_mean + origin
        patch = workers.mean(own_mean)
        apart = own_mean - patch
        covariance = workers.mean(own_covariance + apart.outer(apart))
        wide = by_taps(kernel).double()
        mean = patch @ wide
        variance = (wide * (covariance @ wide)).sum(0).clamp_min(0)
        inverse = torch.rsqrt(variance + eps)
        scale = weight * inverse
        folded = (wide * scale).float(), (bias - mean * scale).float()
        ctx.ends, ctx.folded, ctx.moments = ends, folded, (own_mean, own_covariance)
        ctx.channels, ctx.workers = (mean, inverse, scale), workers
        ctx.save_for_backward(x, kernel)
        ctx.mark_non_differentiable(mean, variance)
        return ends.features(x, *folded), mean, variance

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, kernel = ctx.saved_tensors
        ends: Ends = ctx.ends
        mean, inverse, scale = ctx.channels
        own_mean, own_covariance = ctx.moments
        gradient = gradients[0].to(ends.dtype).contiguous(memory_format=torch.channels_last)
        of_patches, sums = ends.feature_gradient_sums(x, gradient, *ctx.folded)
        wide = by_taps(kernel).double()
        products = inverse * ((wide * of_patches).sum(0) - mean * sums)
        mean_gradient = ctx.workers.mean(sums / ends.positions)
        mean_gradient_times_x = ctx.workers.mean(products / ends.positions)
        # Σ patch, and Σ patch times the normalised x, over this worker's positions
        apart = own_mean @ wide - mean
        of_x = inverse * (own_covariance @ wide + own_mean[:, None] * apart)
        of_kernel = of_patches - ends.positions * (
            own_mean[:, None] * mean_gradient + of_x * mean_gradient_times_x
        )
        back = from_taps(scale * of_kernel)
        return None, back, products.float(), sums.float(), None, None, None, None


_from_image: Callable[..., tuple[Tensor, Tensor, Tensor]] = _FromImage.apply


def _dtype(x: Tensor) -> torch.dtype:
    """In which the convolution of an image would give its result."""
    kind = x.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else x.dtype
