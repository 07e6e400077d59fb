"""Each compiled kernel inside the step that it serves: the time without it over the time with it.

    python -m benchmarks.kernels --json

The two take turns in one process, and `ratio` is the median of the ratios of neighbouring runs.
The other kernels are used in both. Training: a step of a β-TCVAE with 64 units on 1,024 images of
64×64. Render: a sphere with as many triangles as a chair. A kernel that never reaches 1.1 is to be
removed.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator
from statistics import median
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils import convert_conv2d_weight_memory_format

from benchmarks.machine import machine
from benchmarks.rendering import sphere
from seatbelt_vae.config import ModelConfig, resolve
from seatbelt_vae.data.rendering import Camera, render
from seatbelt_vae.kernels import FUSED_CONV, MIXTURES, RASTERISER, Kernel
from seatbelt_vae.models import HierarchicalVAE, for_training
from seatbelt_vae.objectives import Objective, PenaltySetup
from seatbelt_vae.parallel.process_settings import tune_process
from seatbelt_vae.protocol import draw_noise

Step = Callable[[], object]

_SHAPE, _BOUNDS, _DATA_SIZE = (1, 64, 64), (-1.0, 1.0), 600_000


def images(count: int) -> Tensor:
    """Random images of 8×8 black and white squares, (B, 1, 64, 64)."""
    squares = torch.rand(count, 1, 8, 8, generator=torch.Generator().manual_seed(0)) > 0.6
    flat = squares.repeat_interleave(8, 2).repeat_interleave(8, 3).float() * 2 - 1
    return flat.contiguous(memory_format=torch.channels_last)


def training_step(preset: str, units: int, batch: int) -> tuple[HierarchicalVAE, Step]:
    """A model, and a step of its training."""
    torch.manual_seed(0)
    config = ModelConfig(preset=preset, latent_sizes=(units,))
    model = HierarchicalVAE(resolve(config, "dsprites", _SHAPE, _BOUNDS))
    model = convert_conv2d_weight_memory_format(model, torch.channels_last)
    for_training(model)
    objective = Objective.of(preset, PenaltySetup(model.latent_sizes, _DATA_SIZE))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    x, noise = images(batch), draw_noise((units,), (batch,), torch.Generator().manual_seed(0))

    def step() -> None:
        optimizer.zero_grad()
        (-objective(model, x, noise).objective).backward()
        optimizer.step()

    return model, step


def render_of_chair() -> Step:
    """One view of a mesh under one light."""
    mesh = sphere(6_000)
    return lambda: render(mesh, Camera(37, 20, zoom=0.7), np.array([[0.3, 0.5, 0.8]]))


def compare(kernel: Kernel, step: Step, repeats: int) -> dict[str, Any]:
    """Seconds of a step with and without a kernel, in turns."""
    seconds: dict[bool, list[float]] = {True: [], False: []}
    for repeat in range(repeats + 1):
        for built in (True, False):
            with patch.object(kernel, "is_built", lambda built=built: built):
                began = time.perf_counter()
                step()
            if repeat:  # the first turn warms up
                seconds[built].append(time.perf_counter() - began)
    pairs = zip(seconds[True], seconds[False], strict=True)
    return {
        "kernel": kernel.name,
        "seconds": median(seconds[True]),
        "seconds_without": median(seconds[False]),
        "ratio": median(without / within for within, without in pairs),
        "repeats": repeats,
    }


def measure(repeats: int, batch: int) -> Iterator[dict[str, Any]]:
    """One row per kernel and step."""
    training = training_step("beta-tcvae", 64, batch)[1]
    for name, kernel, step in (
        ("training", MIXTURES, training),
        ("training", FUSED_CONV, training),
        ("render", RASTERISER, render_of_chair()),
    ):
        yield {"step": name, **compare(kernel, step, repeats)}


def main() -> None:
    """Print a row for each kernel and step."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--repeats", type=int, default=7, help="runs with and without each kernel")
    parser.add_argument("--batch", type=int, default=1024, help="images per training step")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="one JSON row per line, or a summary")
    arguments = parser.parse_args()
    tune_process(arguments.threads)
    for found in measure(arguments.repeats, arguments.batch):
        row = {"benchmark": "kernels", **found, **machine()}
        print(json.dumps(row) if arguments.json else _summary(row), flush=True)


def _summary(row: dict[str, Any]) -> str:
    return (
        f"{row['step']:9} {row['kernel']:13} {row['seconds']:.4f} s, without it "
        f"{row['seconds_without']:.4f} s: {row['ratio']:.2f} times as long"
    )


if __name__ == "__main__":
    main()
