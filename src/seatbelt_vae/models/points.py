"""Convolutions between a whole input and a single position, computed as one matrix product.

The general kernels take two to ten times as long, a tenth of a training step in float32 and a fifth
in bfloat16. Arguments and parameters are those of the base classes, without stride and padding.
"""

from torch import Tensor, nn
from torch.nn import functional

__all__ = ["FromPoint", "ToPoint"]


class ToPoint(nn.Conv2d):
    """A convolution with the kernel size of its input: :math:`(B, C, h, w)` to (B, F, 1, 1)."""

    def forward(self, x: Tensor) -> Tensor:
        out = functional.linear(_channels_last(x), _channels_last(self.weight), self.bias)
        return out[:, :, None, None]


class FromPoint(nn.ConvTranspose2d):
    """A transposed convolution of a single position: :math:`(B, F, 1, 1)` to (B, C, h, w)."""

    def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]  # no output_size
        _, channels, *sides = self.weight.shape
        flat = x.flatten(1) @ _channels_last(self.weight)
        out: Tensor = flat.unflatten(1, (*sides, channels)).permute(0, 3, 1, 2)
        return out if self.bias is None else out + self.bias[:, None, None]


def _channels_last(x: Tensor) -> Tensor:
    """(N, C, h, w) as (N, h w C), a view if the memory format is channels last."""
    return x.permute(0, 2, 3, 1).flatten(1)
