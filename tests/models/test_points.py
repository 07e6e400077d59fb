"""Convolutions between an input and a point against the general ones: values and gradients."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from seatbelt_vae.models.points import FromPoint, ToPoint

LAYERS = {
    "features to a point": (ToPoint(8, 16, (4, 4), bias=False), (8, 4, 4)),
    "oblong features to a point": (ToPoint(6, 5, (4, 7)), (6, 4, 7)),
    "a pixel to a point": (ToPoint(6, 5, (1, 1)), (6, 1, 1)),
    "latents to a point": (FromPoint(10, 24, (1, 1), bias=False), (10, 1, 1)),
    "a point to features": (FromPoint(24, 8, (4, 4)), (24, 1, 1)),
    "a point to oblong features": (FromPoint(6, 5, (4, 7), bias=False), (6, 1, 1)),
}


def general(layer: nn.Module, x: Tensor) -> Tensor:
    assert isinstance(layer, nn.Conv2d | nn.ConvTranspose2d)
    transposed = isinstance(layer, nn.ConvTranspose2d)
    convolve = functional.conv_transpose2d if transposed else functional.conv2d
    return convolve(x, layer.weight, layer.bias)


@pytest.mark.parametrize("memory", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize(("layer", "shape"), LAYERS.values(), ids=LAYERS)
def test_it_is_the_convolution(
    layer: nn.Module, shape: tuple[int, ...], memory: torch.memory_format
) -> None:
    layer = layer.double().to(memory_format=memory)
    draws = torch.Generator().manual_seed(0)
    for batch in (1, 3):
        x = torch.randn(batch, *shape, generator=draws, dtype=torch.float64)
        x = x.contiguous(memory_format=memory).requires_grad_()
        found, wanted = layer(x), general(layer, x)
        torch.testing.assert_close(found, wanted, rtol=1e-12, atol=1e-12)
        to = [x, *layer.parameters()]
        slopes = [torch.autograd.grad(out.sin().sum(), to) for out in (found, wanted)]
        for mine, theirs in zip(*slopes, strict=True):
            torch.testing.assert_close(mine, theirs, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("layer", [ToPoint(8, 4, (2, 2)), FromPoint(8, 4, (2, 2))])
def test_other_input_sizes_are_refused(layer: nn.Module) -> None:
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        layer(torch.zeros(8, 8, 5, 5))
