"""Floating-point operations: how many a computation takes, and how fast the machine does them."""

import time
from collections.abc import Callable
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

__all__ = ["counted", "gemm_rate"]


class _Flops(TorchDispatchMode):
    total = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        count = flop_registry.get(func.overloadpacket)
        if count is not None:
            self.total += count(*args, **(kwargs or {}), out_val=out)
        return out


def counted(work: Callable[[], object]) -> int:
    """Operations of the matrix products and convolutions in a piece of work."""
    with _Flops() as counter:
        work()
    operations: int = counter.total
    return operations


def gemm_rate(size: int = 2048, dtype: torch.dtype = torch.float32) -> float:
    """FLOP/s of a matrix product on the threads torch has now."""
    a = torch.randn(size, size).to(dtype)
    times = []
    for _ in range(5):
        began = time.perf_counter()
        a @ a
        times.append(time.perf_counter() - began)
    return 2 * size**3 / min(times)
