"""Rewritten layers against the layers they were: values, gradients, second derivatives."""

import copy

import pytest
import torch
from torch import Tensor, nn

from seatbelt_vae import subject_of_model, wrap
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
    "groups": nn.Conv2d(2, 4, 3, groups=2),
    "holes": nn.Conv2d(3, 4, 3, dilation=2),
    "mirrored padding": nn.Conv2d(3, 4, 3, padding=1, padding_mode="reflect"),
    "named padding": nn.Conv2d(3, 4, 3, padding="same"),
    "half precision": nn.Conv2d(3, 4, 3).bfloat16(),
    "output padding": nn.ConvTranspose2d(4, 3, 3, 2, 1, output_padding=1),
    "to many channels": transposed(8, 5, 4, 2, 1),
    "to a point": ToPoint(3, 8, (4, 4)),
    "from a point": FromPoint(8, 3, (4, 4)),
    "linear": nn.Linear(3, 2),
    "activation": nn.ReLU(),
}
changed = pytest.mark.parametrize(("layer", "shape"), CHANGED.values(), ids=CHANGED)


def rewritten(layer: nn.Module) -> nn.Module:
    """A frozen copy in its faster form."""
    new = copy.deepcopy(layer).requires_grad_(False)
    faster_form(new)
    return new


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
    new = rewritten(layer)
    assert type(new) is not type(layer)
    layer.requires_grad_(False)
    for batch in (1, 3):
        x = inputs(shape, batch)
        for found, wanted in zip(gradients(new, x), gradients(layer, x), strict=True):
            torch.testing.assert_close(found, wanted, rtol=1e-10, atol=1e-10)


@changed
def test_it_is_the_same_map_channels_last_and_without_a_graph(
    layer: nn.Module, shape: tuple[int, ...]
) -> None:
    new, x = rewritten(layer), inputs(shape)
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

    found = gradient(rewritten(layer))
    torch.testing.assert_close(found, gradient(layer), rtol=1e-10, atol=1e-10)


@changed
def test_weights_keep_their_names_and_can_be_trained(
    layer: nn.Module, shape: tuple[int, ...]
) -> None:
    new = rewritten(layer)
    assert isinstance(new, type(layer))
    assert new.state_dict().keys() == layer.state_dict().keys()
    for module in (new, layer):
        module.requires_grad_(True)
        module(inputs(shape)).sin().sum().backward()
    for found, wanted in zip(new.parameters(), layer.parameters(), strict=True):
        torch.testing.assert_close(found.grad, wanted.grad, rtol=1e-10, atol=1e-10)
        wanted.grad = None


@pytest.mark.parametrize("layer", KEPT.values(), ids=KEPT)
def test_other_layers_are_kept(layer: nn.Module) -> None:
    assert type(rewritten(layer)) is type(layer)


def test_foreign_models_are_evaluated_in_faster_forms() -> None:
    class Small(nn.Module):
        """One convolution to features and one back to an image."""

        def __init__(self) -> None:
            super().__init__()
            self.down, self.up = nn.Conv2d(3, 6, 4, 2, 1), nn.ConvTranspose2d(6, 3, 4, 2, 1)

        def encode(self, x: Tensor) -> Tensor:
            """Features."""
            return self.down(x).relu()

        def decode(self, z: Tensor) -> Tensor:
            """The image."""
            return self.up(z).sigmoid()

    module = Small().eval()
    subject = subject_of_model(wrap(copy.deepcopy(module), (3, 8, 8)), "small")
    model, x = subject.for_inference, torch.rand(2, 3, 8, 8, requires_grad=True)
    found, wanted = model.decode(model.encode(x).z).mean, module.decode(module.encode(x))
    torch.testing.assert_close(found, wanted)
    both = (torch.autograd.grad(image.square().sum(), x)[0] for image in (found, wanted))
    torch.testing.assert_close(*both)
    assert {type(layer).__name__ for layer in model.module.modules()} > {
        "_FewInputs",
        "_FewOutputs",
    }
