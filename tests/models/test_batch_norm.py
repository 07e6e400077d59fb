"""Batch normalisation with its ReLU, against the two operators of torch in float64."""

import copy

import pytest
import torch
from torch import nn

from seatbelt_vae.models.batch_norm import BatchNormReLU

SHAPES = {
    "images": (50, 5, 3, 7),
    "rows": (33, 17),
    "points": (40, 512, 1, 1),
    "two rows": (2, 3),
}


def layers(channels, dims, seed=0):
    """A BatchNorm with weights of either sign."""
    generator = torch.Generator().manual_seed(seed)
    norm = (nn.BatchNorm2d if dims == 4 else nn.BatchNorm1d)(channels)
    with torch.no_grad():
        norm.weight.copy_(torch.randn(channels, generator=generator))
        norm.bias.copy_(torch.randn(channels, generator=generator))
    return norm


def both(x, gradient, norm, slope, dtype=torch.float64):
    """Outputs, gradients and moments of `BatchNormReLU` and of the two operators of torch."""
    expected_norm = copy.deepcopy(norm).to(torch.promote_types(dtype, norm.weight.dtype))
    expected_x = x.to(dtype).clone().requires_grad_()
    expected = nn.functional.leaky_relu(expected_norm(expected_x), slope)
    expected.backward(gradient.to(dtype))
    ours = BatchNormReLU(copy.deepcopy(norm), slope)
    given = x.clone().requires_grad_()
    found = ours(given)
    found.backward(gradient)
    return (
        (found, expected),
        (given.grad, expected_x.grad),
        (ours.weight.grad, expected_norm.weight.grad),
        (ours.bias.grad, expected_norm.bias.grad),
        (ours.running_mean, expected_norm.running_mean),
        (ours.running_var, expected_norm.running_var),
    )


def over_workers(layer, x):
    """The path of `BatchNormReLU` for several workers, with one worker."""
    y, mean, variance = layer._over_workers(x)
    layer.track(mean, variance, x.numel() // x.shape[1])
    return y


def error(found, expected):
    return ((found.double() - expected).norm() / expected.norm().clamp_min(1e-12)).item()


def batch(shape, dtype):
    """A batch, a gradient of the output, and a BatchNorm."""
    generator = torch.Generator().manual_seed(1)
    x = (3 + 2 * torch.randn(shape, generator=generator)).to(dtype)
    gradient = torch.randn(shape, generator=generator).to(dtype)
    return x, gradient, layers(shape[1], len(shape)).to(torch.promote_types(dtype, torch.float32))


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("slope", [0.0, 0.2])
@pytest.mark.parametrize(
    ("dtype", "bound", "bound_of_sums"),
    [
        (torch.float64, 1e-12, 1e-12),
        (torch.float32, 5e-6, 5e-6),
        (torch.bfloat16, 4e-3, 1e-5),
    ],
)
def test_over_workers_it_equals_the_two_operators(
    shape, slope, dtype, bound, bound_of_sums, monkeypatch
):
    monkeypatch.setattr(BatchNormReLU, "forward", over_workers)
    output, back, *sums = both(*batch(shape, dtype), slope)
    if shape[0] > 2:  # for two rows the gradient is rounding noise
        assert error(*back) < bound
    assert error(*output) < bound
    for found, expected in sums:
        assert error(found, expected) < bound_of_sums


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("slope", [0.0, 0.2])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_in_one_process_it_is_the_two_operators_bit_for_bit(shape, slope, dtype):
    for found, expected in both(*batch(shape, dtype), slope, dtype=dtype):
        assert torch.equal(found, expected)
