"""The checks of a kernel's arguments: each violation is an error that names it."""

import ctypes
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch

from seatbelt_vae import kernels
from seatbelt_vae.errors import ShapeError
from seatbelt_vae.kernels import Kernel
from seatbelt_vae.kernels.catalogue import KERNELS
from seatbelt_vae.kernels.fields import Fields
from tests.kernels.arguments import of_fused_conv, of_mixtures, of_rasteriser

compiled = pytest.mark.skipif(not KERNELS[0].is_built(), reason="built without a compiler")


class _Subclass(torch.Tensor):
    """A tensor whose memory a kernel must not read."""


def shrunken(tensor):
    """A tensor that is larger than its storage."""
    tensor = tensor.clone()
    tensor.untyped_storage().resize_(4)
    return tensor


VIOLATIONS = {
    "dtype": ("z", lambda z: z.double(), "z is float64, expected float32"),
    "shape": (
        "mean",
        lambda mean: mean[:, :2].clone(),
        r"mean has shape (5, 2), expected (5, 3) as (components units)",
    ),
    "dimensions": (
        "log_variance",
        lambda v: v[0],
        "log_variance has shape (3,), expected (5, 3) as (components units)",
    ),
    "strides": ("z", lambda z: z.T.contiguous().T, "z is not contiguous: call .contiguous()"),
    "expanded": ("z", lambda z: z[:1].expand(4, 3), "z is not contiguous"),
    "device": ("z", lambda z: z.to("meta"), "z is a torch.strided tensor on meta, expected"),
    "layout": ("z", lambda z: z.to_sparse(), "z is a torch.sparse_coo tensor on cpu, expected"),
    "subclass": ("z", lambda z: z.as_subclass(_Subclass), "z is a _Subclass, expected a tensor"),
    "array": ("z", lambda z: z.numpy(), "z is a ndarray, expected a tensor"),
    "nothing": ("z", lambda _: None, "z is a NoneType, expected a tensor"),
    "gradient": ("z", lambda z: z.requires_grad_(), "z requires a gradient, which a kernel does"),
    "storage": ("z", shrunken, "z needs 48 bytes, but its storage has 4"),
    "empty": ("z", lambda z: z[:0], "samples of z is 0, expected 1 … "),
    "index": ("columns", lambda c: c + 4, "columns has values 4 … 5, expected 0 … 4"),
    "negative index": ("columns", lambda c: c - 1, "columns has values -1 … 0, expected 0 … 4"),
    "wide index": ("columns", lambda c: c.long(), "columns is int64, expected int32"),
}


@compiled
@pytest.mark.parametrize(("name", "change", "said"), VIOLATIONS.values(), ids=VIOLATIONS)
def test_a_violation_is_named(name, change, said):
    given = of_mixtures()
    given[name] = change(given[name])
    with pytest.raises(ShapeError, match=re.escape(f"mixtures: {said}")):
        kernels.MIXTURES("values", **given)


@compiled
def test_tensors_of_torch_func_are_refused():
    given = of_mixtures()
    many = given.pop("z").expand(2, -1, -1)
    with pytest.raises(ShapeError, match="z has no memory of its own"):
        torch.func.vmap(lambda z: kernels.MIXTURES("values", z=z, **given)[0])(many)


@compiled
def test_arguments_are_complete_and_known():
    given = of_mixtures()
    given["zed"] = given.pop("z")
    with pytest.raises(ShapeError, match=r"mixtures values: missing or unknown arguments: z, zed"):
        kernels.MIXTURES("values", **given)


@compiled
@pytest.mark.parametrize("colours", [2**63, -(2**63) - 1, 0, 0.5])
def test_integers_are_whole_and_in_range(colours):
    given = of_fused_conv("value_sums", bfloat16=False)
    with pytest.raises(ShapeError, match="fused_conv: colours is"):
        kernels.FUSED_CONV("value_sums", **given | {"colours": colours})


@compiled
def test_a_size_that_must_be_a_multiple_is_one():
    given = of_fused_conv("feature_gradient_sums", bfloat16=False)
    given["shift"] = torch.zeros(20)
    given["values"] = torch.zeros(2, 3, 2, 20)
    with pytest.raises(ShapeError, match=r"values has shape \(2, 3, 2, 20\), expected \(2, 3"):
        kernels.FUSED_CONV("feature_gradient_sums", **given)


NUMPY_VIOLATIONS = {
    "list": ("points", lambda points: points.tolist(), "points is a list, expected a NumPy array"),
    "strides": ("points", lambda points: points[::-1], "points is not contiguous"),
    "byte order": ("nearness", lambda near: near.astype(">f8"), "nearness is not contiguous"),
    "corner": ("triangles", lambda faces: faces + 3, "triangles has values 3 … 5, expected 0 … 3"),
    "normal": ("corners", lambda corners: corners - 1, "corners has values -1 … 1, expected 0 … 2"),
    "far": ("points", lambda points: points + 2**25, "points has values 33554442 … "),
    "side": ("side", lambda _: 0, "side is 0, expected 1 … 2048"),
}


@compiled
@pytest.mark.parametrize(
    ("name", "change", "said"), NUMPY_VIOLATIONS.values(), ids=NUMPY_VIOLATIONS
)
def test_numpy_arrays_are_checked_alike(name, change, said):
    given = of_rasteriser()
    given[name] = change(given[name])
    with pytest.raises(ShapeError, match=re.escape(f"rasteriser: {said}")):
        kernels.RASTERISER("render", **given)


@compiled
def test_arrays_that_are_only_read_may_be_read_only():
    given = of_rasteriser()
    expected = kernels.RASTERISER("render", **given)[0]
    given["points"].flags.writeable = False
    assert np.array_equal(kernels.RASTERISER("render", **given)[0], expected)


@compiled
def test_a_pass_writes_its_results_only():
    for kernel in KERNELS:
        members = kernel._fields.members
        for signature in kernel._signatures.values():
            assert all(members[name].writable for name in signature.results)
            assert not any(members[name].writable for name in signature.arguments)


def test_a_declaration_that_cannot_be_read_is_refused():
    with pytest.raises(ValueError, match=r"cannot read the field declaration 'rows'"):
        _ = Fields("int64_t size; rows;").members


TOY = """
#include "kernel.hpp"
FIELDS(toy, %s float *out;)
extern "C" int toy_subtract(const Fields &fields, int64_t, Team) {
    for (int64_t i = 0; i < fields.size; ++i)
        fields.out[i] = fields.factor * fields.a[i] - fields.b[i];
    return 0;
}
"""


@pytest.mark.skipif(shutil.which("g++") is None, reason="needs g++")
@pytest.mark.parametrize(
    "order",
    [
        "int64_t size; float factor; const float *a, *b;",
        "float factor; const float *b, *a; int64_t size;",
    ],
)
def test_fields_in_another_order_are_passed_by_name(order, tmp_path, monkeypatch):
    source, built = tmp_path / "toy.cpp", tmp_path / "toy.so"
    source.write_text(TOY % order)
    include = Path(kernels.__file__).parent
    subprocess.run(
        ["g++", "-std=gnu++20", "-shared", "-fPIC", "-w", f"-I{include}", source, "-o", built],
        check=True,
    )
    monkeypatch.setattr("seatbelt_vae.kernels.kernel.library", lambda: ctypes.CDLL(str(built)))
    toy = Kernel("toy", {"a b out": "size"}, {"subtract": "a b factor -> out"})
    (found,) = toy("subtract", a=torch.tensor([1.0, 2.0]), b=torch.tensor([5.0, 3.0]), factor=2)
    assert found.tolist() == [-3, 1]
