"""The memory's one operation in C++, if the package was built with one."""

import ctypes
from functools import cache

import torch
from torch import Tensor

from seatbelt_vae.passes import Pass, compiled_passes

__all__ = ["MOST_PAIRS", "learn", "native_code"]

MOST_PAIRS = 64
"""More the compiled code has no room for."""


class _Memory(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_int64) for name in ("rows", "slots", "size", "clock")),
        *(
            (name, ctypes.c_void_p)
            for name in ("pairs", "gram", "stamp", "vectors", "wanted", "kept", "result")
        ),
        ("least_curvature", ctypes.c_float),
    )


@cache
def native_code() -> Pass | None:
    """The compiled operation; None where the package was installed without a compiler."""
    return compiled_passes("seatbelt_vae.optim.memory", _Memory)


def learn(
    pairs: Tensor,
    gram: Tensor,
    stamp: Tensor,
    clock: int,
    vectors: Tensor,
    wanted: Tensor,
    least_curvature: float,
) -> tuple[Tensor, Tensor]:
    """As `PairMemory.learn`, on its fields, all contiguous; vectors are as long as the pairs."""
    pass_over = native_code()
    assert pass_over is not None
    rows, slots = stamp.shape
    kept, result = torch.empty_like(wanted), torch.empty_like(vectors[:, 0])
    tensors = {
        "pairs": pairs,
        "gram": gram,
        "stamp": stamp,
        "vectors": vectors,
        "wanted": wanted,
        "kept": kept,
        "result": result,
    }
    pointers = {name: tensor.data_ptr() for name, tensor in tensors.items()}
    size = vectors.shape[2]
    memory = _Memory(rows, slots, size, clock, least_curvature=least_curvature, **pointers)
    pass_over(memory, 0, pairs.dtype)
    return kept, result
