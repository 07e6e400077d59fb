"""From the last features to an image."""

from collections.abc import Callable
from typing import Any, TypeGuard

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from seatbelt_vae.models.ends.native import Ends, is_native
from seatbelt_vae.models.ends.taps import by_taps, from_taps, is_to_image
from seatbelt_vae.models.normalised import NormalisedReLU
from seatbelt_vae.models.normalised.native import Rows, channels_of, gradient_means
from seatbelt_vae.parallel.process_group import ProcessGroup

__all__ = ["ToImage"]


class ToImage(NormalisedReLU):
    """BatchNorm, rectifier, transposed convolution: :math:`(B, F, h, w)` to :math:`(B, C, 2h, 2w)`.

    Args:
        layer: the convolution; `fits` must hold. Its weights stay its own.
        norm, slope: as for `NormalisedReLU`.
    """

    def __init__(
        self, layer: nn.ConvTranspose2d, norm: nn.BatchNorm1d | nn.BatchNorm2d, slope: float
    ) -> None:
        super().__init__(norm, slope)
        self._layer = (layer,)

    @staticmethod
    def fits(layer: nn.Module) -> TypeGuard[nn.ConvTranspose2d]:
        """Whether it is a transposed convolution 4×4 of stride 2, to few colours."""
        return is_to_image(layer)

    def forward(self, x: Tensor) -> Tensor:
        (layer,) = self._layer
        if not self.training or not is_native(x, x.dtype):
            image: Tensor = layer(super().forward(x))
            return image
        image, mean, variance = _to_image(
            x, self.weight, self.bias, layer.weight, self.eps, self.slope, self.workers
        )
        self._track(mean, variance, x.numel() // x.shape[1])
        return image if layer.bias is None else image + layer.bias[:, None, None]


class _ToImage(Function):
    """`ToImage` in compiled code; also returns the batch's moments, which take no gradient."""

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
        x = x.contiguous(memory_format=torch.channels_last)
        mean, variance = Rows(x, slope).shared_moments(workers)
        ctx.workers = workers
        ctx.channels = channels_of(mean, variance, weight, bias, eps)
        ctx.ends = Ends(tuple(x.shape), kernel.shape[1], x.dtype, slope)
        ctx.save_for_backward(x, kernel)
        ctx.mark_non_differentiable(mean, variance)
        by_features = by_taps(kernel).T.contiguous()
        image = ctx.ends.image(x, by_features, ctx.channels["scale"], ctx.channels["shift"])
        return image, mean, variance

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, kernel = ctx.saved_tensors
        ends: Ends = ctx.ends
        gradient = gradients[0].float().contiguous(memory_format=torch.channels_last)
        taps = by_taps(kernel)
        of_kernel, (sums, products) = ends.image_gradient_sums(gradient, x, taps, ctx.channels)
        channels = ctx.channels | gradient_means(sums, products, ends.positions, ctx.workers)
        back = ends.differentiated(gradient, x, taps, channels)
        return back, products.float(), sums.float(), from_taps(of_kernel), None, None, None


_to_image: Callable[..., tuple[Tensor, Tensor, Tensor]] = _ToImage.apply
