"""Batch normalisation and the rectifier after it as one layer, for training.

torch runs them as two operators of some thirteen passes over memory, forth and back; here they take
eight, in compiled code. The batch is the whole one: where several workers share it, moments and the
sums of the gradient are taken over all.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn import functional

from seatbelt_vae.models.normalised.native import Rows, channels_of, gradient_means, native_code
from seatbelt_vae.parallel.process_group import ProcessGroup, process_group

__all__ = ["NormalisedReLU"]


class NormalisedReLU(nn.Module):
    r""":math:`\max(y, s\,y)` of :math:`y = w\,(x - m)/\sqrt{v + \epsilon} + b`, with the moments of
    the batch in training and the running ones in evaluation.

    Args:
        norm: the BatchNorm whose weights it shares.
        slope: :math:`s`, of the rectifier below 0.
    """

    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor

    def __init__(self, norm: nn.BatchNorm1d | nn.BatchNorm2d, slope: float) -> None:
        super().__init__()
        self.weight, self.bias, self.eps, self.slope = norm.weight, norm.bias, norm.eps, slope
        self.workers = process_group()
        assert norm.momentum is not None
        self.momentum = norm.momentum
        for name, buffer in norm.named_buffers():
            self.register_buffer(name, buffer)

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            moments = self.running_mean, self.running_var
            y = functional.batch_norm(x, *moments, self.weight, self.bias, eps=self.eps)
            return functional.leaky_relu(y, self.slope)
        if _is_native(x):
            y, mean, variance = _native(
                x, self.weight, self.bias, self.eps, self.slope, self.workers
            )
        else:
            y, mean, variance = self._by_operators(x)
        self._track(mean, variance, x.numel() // x.shape[1])
        return y

    @torch.no_grad()
    def _track(self, mean: Tensor, variance: Tensor, own_count: int) -> None:
        """Let the running moments follow the batch's."""
        count = self.workers.size * own_count
        self.running_mean.lerp_(mean.to(self.running_mean), self.momentum)
        unbiased = variance * count / (count - 1)
        self.running_var.lerp_(unbiased.to(self.running_var), self.momentum)
        self.num_batches_tracked += 1

    def _by_operators(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        others = [0, *range(2, x.ndim)]
        wide = x if x.dtype == torch.float64 else x.float()
        mean = self.workers.mean(wide.mean(others))
        centred = wide - _spread(mean, x)
        variance = self.workers.mean(centred.square().mean(others))
        scale = self.weight * torch.rsqrt(variance + self.eps)
        y = centred * _spread(scale, x) + _spread(self.bias, x)
        return functional.leaky_relu(y, self.slope).to(x.dtype), mean, variance


class _Native(Function):
    """The same in compiled code; also returns the batch's moments, which take no gradient."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor,
        eps: float,
        slope: float,
        workers: ProcessGroup,
    ) -> tuple[Tensor, Tensor, Tensor]:
        x = _channels_together(x)
        rows = Rows(x, slope)
        mean, variance = rows.shared_moments(workers)
        ctx.channels = channels_of(mean, variance, weight, bias, eps)
        ctx.slope, ctx.workers = slope, workers
        ctx.save_for_backward(x)
        ctx.mark_non_differentiable(mean, variance)
        y = rows.normalised(ctx.channels["scale"], ctx.channels["shift"])
        return y, mean, variance

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (x,) = ctx.saved_tensors
        gradient = _channels_together(gradients[0].to(x.dtype))
        rows = Rows(x, ctx.slope)
        sums, products = rows.gradient_sums(gradient, **ctx.channels)
        back = rows.differentiated(
            gradient,
            **ctx.channels,
            **gradient_means(sums, products, rows.count, ctx.workers),
        )
        return back, products.float(), sums.float(), None, None, None


_native: Callable[..., tuple[Tensor, Tensor, Tensor]] = _Native.apply


def _is_native(x: Tensor) -> bool:
    wanted = x.device.type == "cpu" and x.dtype in (torch.float32, torch.bfloat16)
    return wanted and x.ndim in (2, 4) and native_code() is not None


def _channels_together(x: Tensor) -> Tensor:
    return x.contiguous(memory_format=torch.channels_last) if x.ndim == 4 else x.contiguous()


def _spread(channels: Tensor, x: Tensor) -> Tensor:
    return channels.view(-1, *(1,) * (x.ndim - 2))
