"""A training step and an epoch of a β-TCVAE against pythae's trainer, with the same networks.

    python -m benchmarks.training --json

Batch 1024, 64 units, 64×64 grey images of dSprites, minibatch-weighted sampling. The two take
turns, each in a process of its own; figures are medians. An epoch is pythae's own loop over its
loader, and as many consecutive steps of ours with all that happens between them. `share_of_gemm`
counts the operations of the networks' products and convolutions against the machine's float32
matrix product. In bf16 only where the processor has it; a second row tells what it does to the
ELBO, see `benchmarks.precision`. All on the CPU; where there is a GPU, `images_a_second` tells of
it too.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.flops import counted, gemm_rate
from benchmarks.machine import machine
from benchmarks.precision import PRECISIONS, Precision, elbo_differences, has_bf16
from benchmarks.pythae_trainer import MODEL, UNITS, PythaeProcess, networks
from seatbelt_vae.config import DataConfig, RunConfig, TrainingConfig
from seatbelt_vae.data import ImageData, load_data
from seatbelt_vae.objectives import Objective
from seatbelt_vae.parallel.operating_system import available_cores
from seatbelt_vae.parallel.process_settings import tune_process
from seatbelt_vae.protocol import draw_noise
from seatbelt_vae.runs import RunFolder
from seatbelt_vae.training import train


def ours(
    data: ImageData,
    batch: int,
    steps: int,
    precision: Precision,
    threads: int,
    device: Literal["cpu", "cuda"] = "cpu",
) -> list[float]:
    """Seconds of each step but the first, with all that lies between two."""
    torch.set_num_threads(threads)
    training = TrainingConfig(
        steps=steps,
        batch_size=batch,
        precision=precision,
        checkpoint_every=10**6,
        validate_every=10**6,
        device=device,
        threads=threads,
    )
    moments: list[float] = []
    with tempfile.TemporaryDirectory() as name:
        run = RunFolder.create(
            Path(name) / "run", RunConfig(DataConfig(), MODEL, training=training)
        )
        train(run, data, on_progress=lambda _: moments.append(time.perf_counter()))
    # validation comes before the last step is told
    seconds: list[float] = np.diff(moments[:-1]).tolist()
    return seconds


def flops_a_step(images: Tensor) -> int:
    """Operations of one step's products and convolutions."""
    model, few = networks(), images[:8]
    noise = draw_noise((UNITS,), (len(few),), torch.Generator().manual_seed(0))
    objective = Objective()
    count = counted(lambda: objective(model, few, noise).objective.backward())
    return count * len(images) // len(few)


def layers(images: Tensor, rate: float) -> Iterator[tuple[str, float]]:
    """Each layer's share of the GEMM rate, forth and back by itself."""
    model, hooks = networks(), []
    seen: list[tuple[str, nn.Module, Tensor]] = []
    for name, module in model.named_modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            hooks.append(module.register_forward_pre_hook(partial(_note, seen, name)))
    model.decode(model.encode(images).z)
    for hook in hooks:
        hook.remove()
    for name, layer, x in seen:
        x = x.clone(memory_format=torch.preserve_format).requires_grad_()
        gradient = torch.ones_like(layer(x))
        seconds = []
        for _ in range(3):
            began = time.perf_counter()
            _forth_and_back(layer, x, gradient)
            seconds.append(time.perf_counter() - began)
        flops = counted(partial(_forth_and_back, layer, x, gradient))
        yield name, flops / min(seconds) / rate


def _note(
    seen: list[tuple[str, nn.Module, Tensor]], name: str, layer: nn.Module, inputs: tuple[Tensor]
) -> None:
    seen.append((name, layer, inputs[0].detach()))


def _forth_and_back(layer: nn.Module, x: Tensor, gradient: Tensor) -> None:
    layer(x).backward(gradient)


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """How fast steps and epochs are."""
    threads, batch, count = available_cores(), arguments.batch, arguments.batches
    torch.set_num_threads(threads)
    data = load_data("dsprites", images=batch * count)
    images = data.train.batch(np.arange(batch * count))
    precisions = PRECISIONS if has_bf16() else PRECISIONS[:1]
    rate = gemm_rate()
    steps: dict[str, list[float]] = {name: [] for name in ("pythae", *precisions)}
    epochs: dict[str, list[float]] = {name: [] for name in ("pythae", *precisions)}
    with closing(PythaeProcess(images, batch, threads)) as pythae:
        pythae.step()
        for _ in range(arguments.repeats):
            steps["pythae"].append(pythae.step())
            epochs["pythae"].append(pythae.epoch())
            for precision in precisions:
                seconds = ours(data, batch, count + 2, precision, threads)
                steps[precision] += seconds
                epochs[precision].append(sum(seconds))
    torch.set_num_threads(threads)
    rate = max(rate, gemm_rate())  # it takes a moment, in which the machine may have been slow
    flops = flops_a_step(images[:batch])
    medians = {name: median(seconds) for name, seconds in steps.items()}
    row: dict[str, Any] = {
        "batch": batch,
        "pythae_step_seconds": medians["pythae"],
        "step_seconds": medians["float32"],
        "ratio_vs_pythae": medians["pythae"] / medians["float32"],
        "epoch_ratio_vs_pythae": median(epochs["pythae"]) / median(epochs["float32"]),
        "gemm_gflops": rate / 1e9,
        "share_of_gemm": flops / medians["float32"] / rate,
        "share_of_gemm_by_layer": dict(layers(images[:batch], rate)),
        "images_a_second": {},
    }
    if "bf16" in precisions:
        row |= {
            "step_seconds_bf16": medians["bf16"],
            "ratio_vs_pythae_bf16": medians["pythae"] / medians["bf16"],
            "epoch_ratio_vs_pythae_bf16": median(epochs["pythae"]) / median(epochs["bf16"]),
        }
    for cores in range(1, threads + 1):
        seconds = ours(data, batch, 4, "float32", cores)
        row["images_a_second"][cores] = batch / median(seconds)
    if torch.cuda.is_available():
        seconds = ours(data, batch, 100, "float32", threads, device="cuda")
        row["images_a_second"]["cuda"] = batch / median(seconds)
    return row


def main() -> None:
    """Print the rows."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--batch", type=int, default=1024)
    parser.add_argument("--batches", type=int, default=3, help="batches in an epoch")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--elbo-steps", type=int, default=2000, help="until ELBOs are compared")
    parser.add_argument(
        "--elbo-seeds",
        type=int,
        default=6,
        help="trainings of each precision; none are compared if there are fewer than 2",
    )
    parser.add_argument("--json", action="store_true", help="JSON rows, else a summary")
    arguments = parser.parse_args()
    threads = available_cores()
    tune_process(threads)
    row = {"benchmark": "training", **measure(arguments), **machine()}
    print(json.dumps(row) if arguments.json else _summary(row), flush=True)
    if has_bf16() and arguments.elbo_seeds > 1:
        found = elbo_differences(MODEL, arguments.elbo_steps, arguments.elbo_seeds)
        row = {"benchmark": "training, ELBO in bf16", **found, **machine()}
        difference, error = found["bf16_elbo_difference"], found["bf16_elbo_difference_error"]
        summary = f"ELBO in bf16 {difference:+.2%} ± {error:.2%} of float32's"
        print(json.dumps(row) if arguments.json else summary)


def _summary(row: dict[str, Any]) -> str:
    text = (
        f"{row['ratio_vs_pythae']:.1f}× pythae a step, {row['epoch_ratio_vs_pythae']:.1f}× an "
        f"epoch, {row['share_of_gemm']:.0%} of the float32 GEMM rate"
    )
    if "ratio_vs_pythae_bf16" in row:
        text += f"; bf16 {row['ratio_vs_pythae_bf16']:.1f}×"
    return text


if __name__ == "__main__":
    main()
