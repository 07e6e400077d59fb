"""Convolutions between a whole input and a single position: one matrix product each.

The general kernels take two to ten times as long over them, which is a tenth of a training step in
float32 and a fifth in bfloat16. Parameters are those of the layers they are.
"""

from torch import Tensor, nn
from torch.nn import functional

__all__ = ["FromPoint", "ToPoint"]


class ToPoint(nn.Conv2d):
    """A convolution whose kernel covers the whole input: :math:`(B, C, h, w)` to (B, F, 1, 1).

    Args:
        before, after: channels C and F.
        kernel: sides (h, w) of the input; any other is refused.
        bias: whether it has one.
    """

    def __init__(
        self, before: int, after: int, kernel: tuple[int, int], *, bias: bool = True
    ) -> None:
        super().__init__(before, after, kernel, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        out = functional.linear(_as_it_lies(x), _as_it_lies(self.weight), self.bias)
        return out[:, :, None, None]


class FromPoint(nn.ConvTranspose2d):
    """A transposed convolution of a single position: :math:`(B, F, 1, 1)` to (B, C, h, w).

    Args:
        before, after: channels F and C.
        kernel: sides (h, w) of the result.
        bias: whether it has one.
    """

    def __init__(
        self, before: int, after: int, kernel: tuple[int, int], *, bias: bool = True
    ) -> None:
        super().__init__(before, after, kernel, bias=bias)

    def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]  # it has one size only
        _, channels, *sides = self.weight.shape
        flat = x.flatten(1) @ _as_it_lies(self.weight)
        out: Tensor = flat.unflatten(1, (*sides, channels)).permute(0, 3, 1, 2)
        return out if self.bias is None else out + self.bias[:, None, None]


def _as_it_lies(x: Tensor) -> Tensor:
    """A row each, channels last: a view of what lies so already."""
    return x.permute(0, 2, 3, 1).flatten(1)
