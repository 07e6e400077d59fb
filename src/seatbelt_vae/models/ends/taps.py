"""Convolutions 4×4 of stride 2 between colours and features, and their weights by taps."""

from torch import Tensor, nn

from seatbelt_vae.models.ends.native import GROUP

__all__ = ["by_taps", "from_taps", "is_end"]

_MOST_COLOURS = 4


def is_end(layer: nn.Conv2d | nn.ConvTranspose2d, colours: int, features: int) -> bool:
    """Whether the compiled code can be the convolution, but for its bias."""
    shape = layer.kernel_size, layer.stride, layer.padding, layer.dilation, layer.groups
    return (
        shape == ((4, 4), (2, 2), (1, 1), (1, 1), 1)
        and layer.padding_mode == "zeros"
        and colours <= _MOST_COLOURS
        and features % GROUP == 0
    )


def by_taps(kernel: Tensor) -> Tensor:
    """Weights :math:`(F, C, 4, 4)` as (T, F)."""
    return kernel.detach().float().permute(2, 3, 1, 0).flatten(0, 2).contiguous()


def from_taps(weight: Tensor) -> Tensor:
    """The inverse, in float32."""
    kernel: Tensor = weight.float().T.unflatten(1, (4, 4, -1)).permute(0, 3, 1, 2)
    return kernel
