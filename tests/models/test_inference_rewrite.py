"""Rewritten layers against the layers they replace: values, gradients, second derivatives."""

import pytest
import torch
from torch import Tensor, nn

from seatbelt_vae.models.inference_rewrite import faster_form
from seatbelt_vae.models.points import FromPoint, ToPoint


def conv(*arguments: object, bias: bool = True) -> nn.Module:
    return nn.Conv2d(*arguments, bias=bias).double()


def transposed(*arguments: object, bias: bool = True) -> nn.Module:
    return nn.ConvTranspose2d(*arguments, bias=bias).double()


CHANGED = {
    "image to features": (conv(3, 32, 4, 2, 1, bias=False), (3, 16, 16)),
    "grey image": (conv(1, 5, 4, 2, 1), (1, 8, 8)),
    "wide image": (conv(3, 6, 4, 2, 1), (3, 8, 20)),
    "image that a stride does not fill": (conv(2, 3, 4, 2, 1), (2, 9, 11)),
    "a kernel and strides of unequal sides": (conv(4, 7, (3, 5), (2, 3), (1, 2)), (4, 9, 13)),
    "stride 1 and padding": (conv(2, 5, 3, 1, 1), (2, 5, 6)),
    "features to image": (transposed(32, 3, 4, 2, 1), (32, 8, 8)),
    "features to grey image": (transposed(5, 1, 4, 2, 1, bias=False), (5, 4, 9)),
    "unequal sides to an image": (transposed(5, 4, (3, 5), (2, 3), (1, 2)), (5, 4, 6)),
}
KEPT = {
    "many channels": conv(5, 8, 4, 2, 1),
    "to many channels": transposed(8, 5, 4, 2, 1),
    "to a point": ToPoint(3, 8, (4, 4)),
    "from a point": FromPoint(8, 3, (4, 4)),
    "linear": nn.Linear(3, 2),
    "activation": nn.ReLU(),
}
changed = pytest.mark.parametrize(("layer", "shape"), CHANGED.values(), ids=CHANGED)


def inputs(shape: tuple[int, ...], batch: int = 3) -> Tensor:
    draws = torch.Generator().manual_seed(0)
    return torch.randn(batch, *shape, generator=draws, dtype=torch.float64)


def gradients(layer: nn.Module, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Output y, gradient of Σ sin y, and gradient of the squared norm of that gradient."""
    x = x.clone().requires_grad_()
    out = layer(x)
    (first,) = torch.autograd.grad(out.sin().sum(), x, create_graph=True)
    (second,) = torch.autograd.grad(first.square().sum(), x)
    return out.detach(), first.detach(), second


@changed
def test_a_rewritten_layer_is_the_same_map(layer: nn.Module, shape: tuple[int, ...]) -> None:
    new = faster_form(layer)
    assert new is not layer
    layer.requires_grad_(False)
    new.requires_grad_(False)
    for batch in (1, 3):
        x = inputs(shape, batch)
        for found, wanted in zip(gradients(new, x), gradients(layer, x), strict=True):
            torch.testing.assert_close(found, wanted, rtol=1e-10, atol=1e-10)


@changed
def test_it_is_the_same_map_channels_last_and_without_a_graph(
    layer: nn.Module, shape: tuple[int, ...]
) -> None:
    new, x = faster_form(layer), inputs(shape)
    wanted = layer(x).detach()
    with torch.no_grad():
        found = new(x.to(memory_format=torch.channels_last))
    torch.testing.assert_close(found, wanted, rtol=1e-10, atol=1e-10)


@changed
def test_a_layer_used_twice_adds_its_gradients(layer: nn.Module, shape: tuple[int, ...]) -> None:
    """A layer with two inputs in one graph, as in a divergence of two posteriors."""
    layer.requires_grad_(False)

    def gradient(module: nn.Module) -> Tensor:
        x = inputs(shape).requires_grad_()
        both = module(x).sin() * module(x.square()).cos()
        (found,) = torch.autograd.grad(both.sum(), x)
        return found

    found = gradient(faster_form(layer).requires_grad_(False))
    torch.testing.assert_close(found, gradient(layer), rtol=1e-10, atol=1e-10)


@changed
def test_the_layer_itself_does_not_change(layer: nn.Module, shape: tuple[int, ...]) -> None:
    before = {name: tensor.clone() for name, tensor in layer.state_dict().items()}
    new = faster_form(layer)
    new(inputs(shape))
    assert layer.state_dict().keys() == before.keys()
    assert all(torch.equal(before[name], now) for name, now in layer.state_dict().items())


@pytest.mark.parametrize("layer", KEPT.values(), ids=KEPT)
def test_other_layers_are_kept(layer: nn.Module) -> None:
    assert faster_form(layer) is layer
