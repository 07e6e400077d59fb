"""A model's layers put in the form that trains fastest."""

from itertools import pairwise

from torch import Tensor, nn

from seatbelt_vae.models.ends import FromImage, ToImage
from seatbelt_vae.models.normalised import NormalisedReLU

__all__ = ["for_training"]


def for_training(model: nn.Module) -> None:
    """Put every BatchNorm and (leaky) ReLU after it as one layer; names and weights stay the same.

    A convolution that stands beside the pair and next to the image is joined with them.
    """
    for layers in model.modules():
        if isinstance(layers, nn.Sequential):
            for place, (norm, rectifier) in enumerate(pairwise(list(layers))):
                if isinstance(norm, nn.BatchNorm1d | nn.BatchNorm2d) and isinstance(
                    rectifier, nn.ReLU | nn.LeakyReLU
                ):
                    _join(layers, place, norm, getattr(rectifier, "negative_slope", 0.0))


def _join(
    layers: nn.Sequential, place: int, norm: nn.BatchNorm1d | nn.BatchNorm2d, slope: float
) -> None:
    """Join the pair at a place and the one after."""
    before = layers[place - 1] if place > 0 else nn.Identity()
    after = layers[place + 2] if place + 2 < len(layers) else nn.Identity()
    if FromImage.fits(before):
        layers[place] = FromImage(before, norm, slope)
        layers[place - 1] = _DoneByItsNeighbour(before)
    elif ToImage.fits(after):
        layers[place] = ToImage(after, norm, slope)
        layers[place + 2] = _DoneByItsNeighbour(after)
    else:
        layers[place] = NormalisedReLU(norm, slope)
    layers[place + 1] = nn.Identity()


class _DoneByItsNeighbour(nn.Module):
    """The parameters of a layer, at its place; what it did is done beside it."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        for name, parameter in layer.named_parameters():
            self.register_parameter(name, parameter)

    def forward(self, x: Tensor) -> Tensor:
        return x
