"""The fused total correlation against the broadcast form: time and memory of value and gradient.

    python -m benchmarks.total_correlation --json

All run in float32, each in a process of its own, whose peak memory beyond what it held before the
call is the figure. `ratio_time` says how many times faster ours is, `ratio_memory` which part of
the memory it takes; those that begin with `eager` are without compiled code. The last row is the
worst of all shapes of at least 64 units.
"""

import argparse
import json
import math
import multiprocessing
import resource
import time
from collections.abc import Callable
from itertools import product
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor

from benchmarks.machine import machine
from seatbelt_vae.kernels import MIXTURES
from seatbelt_vae.objectives import total_correlation

_DATA_SIZE = 60_000
_WIDE = 64


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


def eager(z: Tensor, mean: Tensor, log_variance: Tensor, data_size: int) -> Tensor:
    """Ours where the package was built without a compiler."""
    with patch.object(MIXTURES, "is_built", lambda: False):
        return fused(z, mean, log_variance, data_size)


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
        # the kernel counts whole pages
        peak = peak or max(_peak_bytes() - held, resource.getpagesize())
    return sorted(seconds)[len(seconds) // 2], peak


def compare(batch: int, size: int, threads: int) -> dict[str, Any]:
    """One row of the benchmark."""
    forms = (fused, eager, broadcast)
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        asked = [(form, batch, size, threads) for form in forms]
        ours, plain, theirs = pool.starmap(cost, asked, chunksize=1)
    return {
        "batch": batch,
        "size": size,
        "seconds": ours[0],
        "eager_seconds": plain[0],
        "broadcast_seconds": theirs[0],
        "ratio_time": theirs[0] / ours[0],
        "eager_ratio_time": theirs[0] / plain[0],
        "bytes": ours[1],
        "eager_bytes": plain[1],
        "broadcast_bytes": theirs[1],
        "ratio_memory": ours[1] / theirs[1],
        "eager_ratio_memory": plain[1] / theirs[1],
    }


def worst(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The worst ratios of some shapes."""
    faster, smaller = ("ratio_time", "eager_ratio_time"), ("ratio_memory", "eager_ratio_memory")
    return {
        **{key: min(row[key] for row in rows) for key in faster},
        **{key: max(row[key] for row in rows) for key in smaller},
    }


def _peak_bytes() -> int:
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def main() -> None:
    """Print a JSON row for each shape."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--batches", type=int, nargs="+", default=[1024])
    parser.add_argument("--sizes", type=int, nargs="+", default=[10, 64, 128])
    parser.add_argument("--json", action="store_true", help="one JSON row a line, else a summary")
    arguments = parser.parse_args()
    rows = []
    for batch, size in product(arguments.batches, arguments.sizes):
        rows.append(compare(batch, size, torch.get_num_threads()))
        report("total_correlation", rows[-1], arguments.json)
    wide = [row for row in rows if row["size"] >= _WIDE]
    if wide:
        report("total_correlation, worst", worst(wide), arguments.json)


def report(benchmark: str, row: dict[str, Any], as_json: bool) -> None:
    """Print a row."""
    if as_json:
        print(json.dumps({"benchmark": benchmark, **row, **machine()}), flush=True)
        return
    shape = f"{row['batch']} × {row['size']}" if "size" in row else "the worst"
    print(
        f"{shape:12} {row['ratio_time']:.0f} times faster in {row['ratio_memory']:.2%} of the "
        f"memory; without compiled code {row['eager_ratio_time']:.1f} times, "
        f"{row['eager_ratio_memory']:.2%}",
        flush=True,
    )


if __name__ == "__main__":
    main()
