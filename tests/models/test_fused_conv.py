"""Fused layers next to the image against the layers of torch in float64."""

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional

from seatbelt_vae.kernels import FUSED_CONV, arrays
from seatbelt_vae.models.fused_conv import FromImage, ToImage
from seatbelt_vae.models.fused_conv.memory_layout import is_from_image, is_to_image

compiled = pytest.mark.skipif(not FUSED_CONV.is_built(), reason="built without a compiler")

# (images, colours, features, h, w)
SHAPES = {
    "one group of features": (9, 1, 16, 3, 8),
    "more groups, a width of no eight": (70, 1, 48, 4, 5),
    "colours": (66, 3, 32, 8, 8),
    "two colours": (3, 2, 16, 1, 9),
    "four colours, one column": (20, 4, 16, 6, 1),
    "a width of one less than eight": (2, 1, 16, 2, 7),
}
PRECISIONS = {"float32": (torch.float32, 2e-6, 2e-6), "bf16": (torch.bfloat16, 4e-3, 1e-2)}


@pytest.fixture(params=[0.0, 0.2])
def slope(request):
    return request.param


@pytest.fixture
def random():
    return torch.Generator().manual_seed(0)


def norm_of(features, random):
    """A BatchNorm with weights of either sign."""
    norm = nn.BatchNorm2d(features)
    with torch.no_grad():
        norm.weight.copy_(torch.randn(features, generator=random))
        norm.bias.copy_(torch.randn(features, generator=random))
    return norm


def from_image(colours, features, random):
    torch.manual_seed(1)
    return nn.Conv2d(colours, features, 4, 2, 1, bias=False), norm_of(features, random)


def to_image(colours, features, random, bias=True):
    torch.manual_seed(1)
    layer = nn.ConvTranspose2d(features, colours, 4, 2, 1, bias=bias)
    return layer, norm_of(features, random)


def images(shape, random):
    count, colours, _, height, width = shape
    return torch.rand(count, colours, 2 * height, 2 * width, generator=random) * 2 - 1


def values(shape, random, dtype=torch.float32):
    count, _, features, height, width = shape
    return (1 + 2 * torch.randn(count, features, height, width, generator=random)).to(dtype)


def assert_near(found, expected, bound):
    assert found.shape == expected.shape
    error = (found.double() - expected).norm() / expected.norm().clamp_min(1e-12)
    assert error < bound


def exactly(*layers):
    return [copy.deepcopy(layer).double() for layer in layers]


@compiled
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize(("dtype", "bound", "of_sums"), PRECISIONS.values(), ids=PRECISIONS)
def test_from_image_equals_its_three_layers(shape, slope, dtype, bound, of_sums, random):
    layer, norm = from_image(*shape[1:3], random)
    exact_layer, exact_norm = exactly(layer, norm)
    x, ours = images(shape, random), FromImage(layer, norm, slope)
    expected = functional.leaky_relu(exact_norm(exact_layer(x.double())), slope)
    with torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16):
        found = ours(x)
    assert found.dtype == dtype
    assert_near(found, expected, bound)
    gradient = torch.randn(expected.shape, generator=random).to(dtype)
    found.backward(gradient)
    expected.backward(gradient.double())
    assert_near(layer.weight.grad, exact_layer.weight.grad, of_sums)
    for name in ("weight", "bias"):
        assert_near(getattr(ours, name).grad, getattr(exact_norm, name).grad, of_sums)
    for name in ("running_mean", "running_var"):
        assert_near(getattr(ours, name), getattr(exact_norm, name), 2e-6)
    assert ours.num_batches_tracked == 1


@compiled
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize(("dtype", "bound", "of_sums"), PRECISIONS.values(), ids=PRECISIONS)
@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no bias"])
def test_to_image_equals_its_three_layers(shape, slope, dtype, bound, of_sums, bias, random):
    layer, norm = to_image(*shape[1:3], random, bias)
    exact_layer, exact_norm = exactly(layer, norm)
    x, ours = values(shape, random, dtype).requires_grad_(), ToImage(layer, norm, slope)
    exact_x = x.detach().double().requires_grad_()
    expected = exact_layer(functional.leaky_relu(exact_norm(exact_x), slope))
    with torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16):
        found = ours(x)
    assert_near(found, expected, 2e-6)  # no intermediate result is rounded to bfloat16
    gradient = torch.randn(expected.shape, generator=random)
    found.backward(gradient)
    expected.backward(gradient.double())
    assert_near(x.grad, exact_x.grad, bound)
    for name, parameter in layer.named_parameters():
        assert_near(parameter.grad, getattr(exact_layer, name).grad, of_sums)
    for name in ("weight", "bias"):
        assert_near(getattr(ours, name).grad, getattr(exact_norm, name).grad, of_sums)
    for name in ("running_mean", "running_var"):
        assert_near(getattr(ours, name), getattr(exact_norm, name), 2e-6)
    assert ours.num_batches_tracked == 1


def both_ways(shape):
    """Outputs and gradients of both layers."""
    random = torch.Generator().manual_seed(2)
    layer, norm = from_image(*shape[1:3], random)
    y = FromImage(layer, norm, 0.1)(images(shape, random))
    y.sin().sum().backward()
    found = [y, layer.weight.grad, norm.weight.grad, norm.bias.grad]
    layer, norm = to_image(*shape[1:3], random)
    x = values(shape, random).requires_grad_()
    y = ToImage(layer, norm, 0.1)(x)
    y.sin().sum().backward()
    return [*found, y, x.grad, layer.weight.grad, norm.weight.grad, norm.bias.grad]


@compiled
@pytest.mark.parametrize("team", [True, False], ids=["torch's threads", "its own"])
def test_the_result_does_not_depend_on_the_number_of_threads(team, monkeypatch):
    shape = SHAPES["colours"]
    expected, before = both_ways(shape), torch.get_num_threads()
    if not team:
        monkeypatch.setattr(arrays, "omp_team", lambda: None)
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            found = both_ways(shape)
            assert all(torch.equal(a, b) for a, b in zip(expected, found, strict=True))
    finally:
        torch.set_num_threads(before)


@compiled
def test_pixels_far_from_zero_cost_no_digits(random):
    layer, norm = from_image(1, 16, random)
    with torch.no_grad():  # ignore the border, where padding is far from the pixel values
        for outer in (0, 3):
            layer.weight[:, :, outer] = 0
            layer.weight[..., outer] = 0
    (exact_layer,) = exactly(layer)
    ours = FromImage(layer, norm, 0.0)
    x = 1000 + images((64, 1, 16, 8, 8), random)
    ours(x)
    expected = exact_layer(x.double()).detach().var((0, 2, 3))
    assert (ours.running_var - 0.9).double() / 0.1 == pytest.approx(expected, rel=1e-4)


@compiled
def test_nan_reaches_the_result(random):
    shape = SHAPES["one group of features"]
    layer, norm = from_image(*shape[1:3], random)
    x = images(shape, random)
    x[4, 0, 2, 3] = torch.nan
    assert FromImage(layer, norm, 0.0)(x).isnan().any()
    layer, norm = to_image(*shape[1:3], random)
    u = values(shape, random)
    u[4, 7, 1, 1] = torch.nan
    assert ToImage(layer, norm, 0.0)(u).isnan().any()


UNFUSED = {
    "evaluation": lambda ours, x: (ours.eval(), x),
    "float64": lambda ours, x: (ours.double(), x.double()),
    "a gradient for the image": lambda ours, x: (ours, x.requires_grad_()),
    "odd sides": lambda ours, x: (ours, x[..., 1:]),
    "no compiled code": lambda ours, x: (ours, x),
}


@pytest.mark.parametrize("case", UNFUSED)
def test_other_inputs_use_the_layers_of_torch(case, slope, random, monkeypatch):
    shape = SHAPES["colours"]
    layer, norm = from_image(*shape[1:3], random)
    if case == "no compiled code":
        monkeypatch.setattr(FUSED_CONV, "is_built", lambda: False)
    ours, x = FromImage(copy.deepcopy(layer), copy.deepcopy(norm), slope), images(shape, random)
    ours, x = UNFUSED[case](ours, x)
    if case == "float64":
        ours._layer[0].double()
    norm.train(ours.training)
    kind = x.dtype
    expected = functional.leaky_relu(norm.to(kind)(layer.to(kind)(x)), slope)
    torch.testing.assert_close(ours(x), expected, rtol=1e-4, atol=1e-5)
    if x.requires_grad:
        assert torch.autograd.grad(ours(x).sum(), x)[0].any()


@pytest.mark.parametrize("case", ["evaluation", "float64", "no compiled code"])
def test_other_inputs_use_the_layers_of_torch_to_the_image(case, slope, random, monkeypatch):
    shape = SHAPES["colours"]
    layer, norm = to_image(*shape[1:3], random)
    if case == "no compiled code":
        monkeypatch.setattr(FUSED_CONV, "is_built", lambda: False)
    ours = ToImage(copy.deepcopy(layer), copy.deepcopy(norm), slope)
    ours, x = UNFUSED[case](ours, values(shape, random))
    if case == "float64":
        ours._layer[0].double()
    norm.train(ours.training)
    kind = x.dtype
    expected = layer.to(kind)(functional.leaky_relu(norm.to(kind)(x), slope))
    torch.testing.assert_close(ours(x), expected, rtol=1e-4, atol=1e-5)


CONVOLUTIONS = {
    "the usual one": ({}, True),
    "a bias": ({"bias": True}, False),
    "another kernel": ({"kernel_size": 3}, False),
    "another stride": ({"stride": 1}, False),
    "another padding": ({"padding": 0}, False),
    "edges repeated": ({"padding_mode": "replicate"}, False),
    "dilated": ({"dilation": 2}, False),
    "many colours": ({"in_channels": 5}, False),
    "features of no group": ({"out_channels": 24}, False),
}


@pytest.mark.parametrize(("other", "fits"), CONVOLUTIONS.values(), ids=CONVOLUTIONS)
def test_conditions_of_convolutions(other, fits):
    usual = {"in_channels": 1, "out_channels": 16, "kernel_size": 4, "stride": 2, "padding": 1}
    layer = nn.Conv2d(**usual | {"bias": False} | other)
    assert is_from_image(layer) is fits
    assert not is_to_image(layer)


def test_conditions_of_transposed_convolutions():
    assert is_to_image(nn.ConvTranspose2d(16, 3, 4, 2, 1))
    assert not is_to_image(nn.ConvTranspose2d(16, 3, 4, 2, 1, output_padding=1))
    assert not is_to_image(nn.ConvTranspose2d(16, 16, 4, 2, 1))
    assert not is_to_image(nn.ConvTranspose2d(24, 3, 4, 2, 1))
    assert not is_to_image(nn.Identity())
    assert not is_from_image(nn.ConvTranspose2d(3, 16, 4, 2, 1, bias=False))
