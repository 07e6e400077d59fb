"""Any arguments for every kernel give a result or an error, never a crash."""

import contextlib

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seatbelt_vae.errors import ShapeError
from seatbelt_vae.kernels.catalogue import KERNELS
from tests.kernels.arguments import VALID

compiled = pytest.mark.skipif(not KERNELS[0].is_built(), reason="built without a compiler")
BY_NAME = {kernel.name: kernel for kernel in KERNELS}
DTYPES = (torch.float32, torch.float64, torch.bfloat16, torch.float16, torch.complex64)
DTYPES += (torch.int8, torch.int32, torch.int64, torch.uint8, torch.bool)
EXTREMES = (0, 1, -1, 2**31 - 1, -(2**31), 10**9, float("nan"), float("inf"), 1e-40)


@st.composite
def changed_tensors(draw, tensor):
    """A tensor of another shape, dtype, layout, device or values."""
    kind = draw(st.sampled_from(["shape", "dtype", "strides", "cut", "value", "meta", "grad"]))
    if kind == "shape":
        return tensor.new_zeros(draw(st.lists(st.integers(0, 17), max_size=4)))
    if kind == "dtype":
        return tensor.to(draw(st.sampled_from(DTYPES)))
    if kind == "strides":
        axes = draw(st.permutations(range(tensor.ndim)))
        return tensor.permute(axes).contiguous().permute(*np.argsort(axes).tolist())
    if kind == "cut":
        return tensor[: draw(st.integers(0, len(tensor)))]
    if kind == "value":
        tensor = tensor.clone()
        value = draw(st.sampled_from(EXTREMES))
        with contextlib.suppress(RuntimeError, OverflowError, ValueError):
            tensor.view(-1)[draw(st.integers(0, tensor.numel() - 1))] = value
        return tensor
    if kind == "meta":
        return tensor.to("meta")
    return tensor.clone().requires_grad_() if tensor.is_floating_point() else tensor[None]


@st.composite
def changed(draw, value):
    """Another argument in the place of a valid one."""
    if isinstance(value, torch.Tensor):
        return draw(changed_tensors(value))
    if isinstance(value, np.ndarray):
        other = draw(changed_tensors(torch.from_numpy(value.copy())))
        plain = other.device.type == "cpu" and other.dtype != torch.bfloat16
        return other.detach().numpy() if plain else other
    return draw(st.integers(-(2**70), 2**70) | st.floats() | st.integers(0, 4))


@compiled
@pytest.mark.filterwarnings("ignore:Casting complex values")
@pytest.mark.parametrize(("kernel", "which"), VALID)
@given(st.data())
@settings(max_examples=60, deadline=None)
def test_never_a_crash(kernel, which, data):
    arguments = VALID[kernel, which]()
    for name in data.draw(st.sets(st.sampled_from(sorted(arguments)), max_size=3)):
        arguments[name] = data.draw(changed(arguments[name]))
    with contextlib.suppress(ShapeError):
        results = BY_NAME[kernel](which, **arguments)
        assert len(results) == len(BY_NAME[kernel]._signatures[which].results)


@compiled
@pytest.mark.parametrize(("kernel", "which"), VALID)
def test_valid_arguments_are_taken_and_give_the_same_twice(kernel, which):
    found = [BY_NAME[kernel](which, **VALID[kernel, which]()) for _ in range(2)]
    for one, other in zip(*found, strict=True):
        assert np.array_equal(np.asarray(one.tolist()), np.asarray(other.tolist()), equal_nan=True)


def test_every_pass_is_fuzzed():
    assert set(VALID) == {(kernel.name, which) for kernel in KERNELS for which in kernel.passes}
