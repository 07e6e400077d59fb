"""Replacement of layers by fused ones for training."""

from itertools import pairwise

from torch import Tensor, nn

from seatbelt_vae.models.batch_norm import BatchNormReLU
from seatbelt_vae.models.fused_conv import FromImage, ToImage, is_from_image, is_to_image

__all__ = ["for_training"]


def for_training(model: nn.Module) -> None:
    """Fuse every BatchNorm with the (leaky) ReLU after it; names and weights stay the same.

    A convolution next to the image is fused with its BatchNorm and ReLU too.
    """
    for layers in model.modules():
        if isinstance(layers, nn.Sequential):
            for place, (norm, relu) in enumerate(pairwise(list(layers))):
                if isinstance(norm, nn.BatchNorm1d | nn.BatchNorm2d) and isinstance(
                    relu, nn.ReLU | nn.LeakyReLU
                ):
                    _fuse(layers, place, norm, getattr(relu, "negative_slope", 0.0))


def _fuse(
    layers: nn.Sequential, place: int, norm: nn.BatchNorm1d | nn.BatchNorm2d, slope: float
) -> None:
    before = layers[place - 1] if place > 0 else nn.Identity()
    after = layers[place + 2] if place + 2 < len(layers) else nn.Identity()
    if is_from_image(before):
        layers[place] = FromImage(before, norm, slope)
        layers[place - 1] = _Fused(before)
    elif is_to_image(after):
        layers[place] = ToImage(after, norm, slope)
        layers[place + 2] = _Fused(after)
    else:
        layers[place] = BatchNormReLU(norm, slope)
    layers[place + 1] = nn.Identity()


class _Fused(nn.Module):
    """The identity, with the parameters of a convolution that an adjacent fused layer computes."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        for name, parameter in layer.named_parameters():
            self.register_parameter(name, parameter)

    def forward(self, x: Tensor) -> Tensor:
        return x
