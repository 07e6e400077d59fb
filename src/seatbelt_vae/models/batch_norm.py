"""Batch normalisation and (leaky) ReLU as one layer, over the whole batch of all workers."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from seatbelt_vae.parallel.process_group import process_group

__all__ = ["BatchNormReLU"]


class BatchNormReLU(nn.Module):
    r""":math:`\max(y, s\,y)` of :math:`y = w\,(x - m)/\sqrt{v + \epsilon} + b`.

    The moments m and v are those of the batch in training, over all workers that share it, and the
    running moments in evaluation.

    Args:
        norm: the BatchNorm that it shares parameters and buffers with.
        slope: :math:`s`, the slope of the ReLU below 0.
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
        self.before = nn.Identity()  # for hooks: subclasses compute x from their input
        for name, buffer in norm.named_buffers():
            self.register_buffer(name, buffer)

    def forward(self, x: Tensor) -> Tensor:
        if self.training and self.workers.size > 1:
            y, mean, variance = self._over_workers(x)
            self.track(mean, variance, x.numel() // x.shape[1])
            return y
        if self.training:
            self.num_batches_tracked += 1
        y = functional.batch_norm(
            self.before(x),
            *(self.running_mean, self.running_var),
            *(self.weight, self.bias),
            training=self.training,
            momentum=self.momentum,
            eps=self.eps,
        )
        return functional.leaky_relu(y, self.slope, inplace=True)

    @torch.no_grad()
    def track(self, mean: Tensor, variance: Tensor, worker_count: int) -> None:
        """Update the running moments by those of the batch, ``worker_count`` values per worker."""
        count = self.workers.size * worker_count
        self.running_mean.lerp_(mean.to(self.running_mean), self.momentum)
        unbiased = variance * count / (count - 1)
        self.running_var.lerp_(unbiased.to(self.running_var), self.momentum)
        self.num_batches_tracked += 1

    def _over_workers(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        others = [0, *range(2, x.ndim)]
        wide = x if x.dtype == torch.float64 else x.float()
        mean = self.workers.mean(wide.mean(others))
        centred = wide - _spread(mean, x)
        variance = self.workers.mean(centred.square().mean(others))
        scale = self.weight * torch.rsqrt(variance + self.eps)
        y = centred * _spread(scale, x) + _spread(self.bias, x)
        return functional.leaky_relu(y, self.slope).to(x.dtype), mean, variance


def _spread(channels: Tensor, x: Tensor) -> Tensor:
    return channels.view(-1, *(1,) * (x.ndim - 2))
