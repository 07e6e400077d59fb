"""The fused total correlation against the broadcast form: time and memory of value and gradient.

    python -m benchmarks.total_correlation --batches 1024 --sizes 10 64 128

One JSON row a shape. Both run eagerly in float32, each in a process of its own, whose peak memory
beyond what it held before the call is the figure.
"""

import argparse
import json
import math
import multiprocessing
import resource
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from benchmarks.machine import machine
from seatbelt_vae.objectives import total_correlation

_DATA_SIZE = 60_000


def broadcast(z: Tensor, mean: Tensor, log_variance: Tensor, data_size: int) -> Tensor:
    """The same number as the fused form, as it is commonly written: one (M, M, d) array."""
    squared = (z[:, None] - mean).square() * (-log_variance).exp()
    log_density = -0.5 * (squared + log_variance + math.log(2 * math.pi))
    count = math.log(data_size * len(mean))
    joint = log_density.sum(-1).logsumexp(1) - count
    return (joint - (log_density.logsumexp(1) - count).sum(-1)).mean()


def fused(z: Tensor, mean: Tensor, log_variance: Tensor, data_size: int) -> Tensor:
    """Ours, with the weights that `broadcast` has."""
    return total_correlation(z, mean, log_variance, data_size, "mws")


def cost(form: Callable[..., Tensor], batch: int, size: int, threads: int) -> tuple[float, int]:
    """Seconds (median of the repeats) and peak bytes of one value with its gradients."""
    torch.set_num_threads(threads)
    draws = torch.Generator().manual_seed(0)
    leaves = [torch.randn(batch, size, generator=draws).requires_grad_() for _ in range(3)]
    small = [leaf[:8].detach().requires_grad_() for leaf in leaves]
    form(*small, _DATA_SIZE).backward()
    held = _peak_bytes()
    seconds: list[float] = []
    peak = 0
    while len(seconds) < 3 or (sum(seconds) < 1 and len(seconds) < 100):
        started = time.perf_counter()
        form(*leaves, _DATA_SIZE).backward()
        seconds.append(time.perf_counter() - started)
        peak = peak or _peak_bytes() - held
    return sorted(seconds)[len(seconds) // 2], peak


def compare(batch: int, size: int, threads: int) -> dict[str, Any]:
    """One row of the benchmark."""
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        ours, theirs = pool.starmap(
            cost, [(form, batch, size, threads) for form in (fused, broadcast)], chunksize=1
        )
    return {
        "batch": batch,
        "size": size,
        "seconds": ours[0],
        "broadcast_seconds": theirs[0],
        "ratio_time": ours[0] / theirs[0],
        "bytes": ours[1],
        "broadcast_bytes": theirs[1],
        "ratio_memory": ours[1] / theirs[1],
    }


def _peak_bytes() -> int:
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def main() -> None:
    """Print a JSON row for each shape."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--batches", type=int, nargs="+", default=[256, 1024])
    parser.add_argument("--sizes", type=int, nargs="+", default=[10, 64, 128])
    arguments = parser.parse_args()
    for batch in arguments.batches:
        for size in arguments.sizes:
            row = compare(batch, size, torch.get_num_threads())
            row = {"benchmark": "total_correlation", **row, **machine()}
            print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
