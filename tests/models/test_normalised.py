"""Batch normalisation with its rectifier, against torch's two operators in float64."""

import copy

import pytest
import torch
from torch import nn

from seatbelt_vae.models.normalised import NormalisedReLU, native_code

compiled = pytest.mark.skipif(native_code() is None, reason="the package has no compiled code")

SHAPES = {
    "channels of whole registers": (64, 32, 8, 8),
    "channels of no register": (50, 5, 3, 7),
    "more channels than one block sums": (6, 5000),
    "rows": (33, 17),
    "points": (40, 512, 1, 1),
    "fewer rows than parts": (2, 3),
}


def layers(channels, dims, seed=0):
    """A BatchNorm with weights of either sign."""
    generator = torch.Generator().manual_seed(seed)
    norm = (nn.BatchNorm2d if dims == 4 else nn.BatchNorm1d)(channels)
    with torch.no_grad():
        norm.weight.copy_(torch.randn(channels, generator=generator))
        norm.bias.copy_(torch.randn(channels, generator=generator))
    return norm


def both(x, gradient, norm, slope):
    """Outputs, gradients and moments of torch's operators in float64, and of ours."""
    expected_norm = copy.deepcopy(norm).double()
    exact = x.double().clone().requires_grad_()
    expected = nn.functional.leaky_relu(expected_norm(exact), slope)
    expected.backward(gradient.double())
    ours = NormalisedReLU(copy.deepcopy(norm), slope)
    given = x.clone().requires_grad_()
    found = ours(given)
    found.backward(gradient)
    return (
        (found, expected),
        (given.grad, exact.grad),
        (ours.weight.grad, expected_norm.weight.grad),
        (ours.bias.grad, expected_norm.bias.grad),
        (ours.running_mean, expected_norm.running_mean),
        (ours.running_var, expected_norm.running_var),
    )


def error(found, expected):
    return ((found.double() - expected).norm() / expected.norm().clamp_min(1e-12)).item()


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("slope", [0.0, 0.2])
@pytest.mark.parametrize(
    ("dtype", "bound", "bound_of_sums"),
    [
        (torch.float64, 1e-12, 1e-12),
        pytest.param(torch.float32, 5e-6, 5e-6, marks=compiled),
        pytest.param(torch.bfloat16, 4e-3, 1e-5, marks=compiled),
    ],
)
def test_equals_torchs_two_operators(shape, slope, dtype, bound, bound_of_sums):
    generator = torch.Generator().manual_seed(1)
    x = (3 + 2 * torch.randn(shape, generator=generator)).to(dtype)
    gradient = torch.randn(shape, generator=generator).to(dtype)
    norm = layers(shape[1], len(shape)).to(torch.promote_types(dtype, torch.float32))
    output, back, *sums = both(x, gradient, norm, slope)
    if shape[0] > 2:  # of two rows the gradient is nothing but rounding
        assert error(*back) < bound
    assert error(*output) < bound
    for found, expected in sums:
        assert error(found, expected) < bound_of_sums


@compiled
def test_a_mean_far_from_zero_costs_no_digits():
    x = 1e4 + torch.randn(4096, 8, generator=torch.Generator().manual_seed(0))
    norm = NormalisedReLU(layers(8, 2), 0.0)
    norm(x)
    expected = x.double().var(0)
    assert ((norm.running_var - 0.9) / 0.1).double() == pytest.approx(expected, rel=1e-5)


@compiled
def test_the_result_does_not_depend_on_the_number_of_threads():
    x = torch.randn(100, 24, 5, 5, generator=torch.Generator().manual_seed(0))
    before, found = torch.get_num_threads(), []
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        layer, given = NormalisedReLU(layers(24, 4), 0.1), x.clone().requires_grad_()
        y = layer(given)
        y.sin().sum().backward()
        found.append((y, given.grad, layer.weight.grad))
    torch.set_num_threads(before)
    for other in found[1:]:
        assert all(torch.equal(a, b) for a, b in zip(found[0], other, strict=True))


@compiled
def test_what_is_not_a_number_stays_none_in_bfloat16():
    x = torch.zeros(4, 16, dtype=torch.bfloat16)
    x[1, 3] = torch.nan
    y = NormalisedReLU(layers(16, 2), 0.0)(x)
    assert y[:, 3].isnan().all()
    assert not y[:, :3].isnan().any()
