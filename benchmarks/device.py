"""Training, total correlation and attacks on one device, beside SciPy on the same machine.

    python -m benchmarks.device --json

The device is a GPU if there is one. `training` takes the published networks on 64×64 grey images
of dSprites with batches of 1,024; `total-correlation` is one value with its gradients; `attack` is
the strong attack on pairs × published λ with the loss `latent-kl`, all pairs in one batch, against
the published loop, SciPy's L-BFGS-B, on some of these rows; `budgets` is the same within budgets.
`peak_bytes` is the memory that PyTorch allocated on the GPU.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import Tensor

from benchmarks.machine import machine
from benchmarks.models import MODELS, SMALL_MODELS, images_of, trained
from benchmarks.published_loop import against_scipy
from benchmarks.total_correlation import fused
from seatbelt_vae.attacks import attack
from seatbelt_vae.config import AttackConfig, RunConfig, TrainingConfig
from seatbelt_vae.data import ImageData
from seatbelt_vae.data.loading import load_for
from seatbelt_vae.models import fold_batch_norm, load_model
from seatbelt_vae.runs import RunFolder
from seatbelt_vae.training.trainer import Trainer

_PRECISIONS = ("float32", "bf16")
_UNITS = (10, 64, 128)


def settled(device: torch.device) -> float:
    """The clock once the device has finished its work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def timed(device: torch.device, work: Callable[[], object], repeats: int) -> dict[str, Any]:
    """Median seconds of a call after a first one, and the peak memory of all."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    work()
    seconds = []
    for _ in range(repeats):
        began = settled(device)
        work()
        seconds.append(settled(device) - began)
    peak = torch.cuda.max_memory_allocated(device) if device.type == "cuda" else None
    return {"seconds": median(seconds), "peak_bytes": peak}


def trainings(device: torch.device, arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """A training step of a β-TCVAE and of a Seatbelt-VAE with four layers."""
    for name in ("beta-tcvae", "seatbelt-4"):
        data = load_for(MODELS[name])
        for precision in _PRECISIONS:
            trainer = _trainer(MODELS[name], data, device, precision, arguments.batch)
            steps = iter(range(1, 10**6))

            def step(trainer: Trainer = trainer, steps: Iterator[int] = steps) -> None:
                number = next(steps)
                for x in trainer.batches.images(number, number):
                    trainer.step(number, x)

            found = timed(device, step, arguments.repeats)
            speed = arguments.batch / found["seconds"]
            about = {"part": "training", "model": name, "precision": precision}
            yield {**about, **found, "images_a_second": speed}


def _trainer(
    config: RunConfig, data: ImageData, device: torch.device, precision: Any, batch: int
) -> Trainer:
    kind: Any = device.type
    training = TrainingConfig(steps=1000, batch_size=batch, precision=precision, device=kind)
    return Trainer(replace(config, training=training), data)


def corrections(device: torch.device, arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """The total correlation of one batch."""
    draws = torch.Generator().manual_seed(0)
    for units in _UNITS:
        leaves = [
            torch.randn(arguments.batch, units, generator=draws).to(device).requires_grad_()
            for _ in range(3)
        ]

        def once(leaves: list[Tensor] = leaves) -> None:
            z, mean, log_variance = leaves
            fused(z, mean, log_variance, 60_000).backward()

        found = timed(device, once, arguments.repeats)
        yield {"part": "total-correlation", "batch": arguments.batch, "units": units, **found}


def attacks(device: torch.device, arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """The strong attack under λ, SciPy on some of its rows, and the attack within budgets."""
    run = trained(arguments.model, arguments.folder)
    usual = AttackConfig(weights="published", pairs=arguments.pairs, together=arguments.pairs)
    about = {"model": arguments.model, "pairs": arguments.pairs}
    found, delta = attacked(device, run, usual)
    eager = load_model(run).eval().requires_grad_(False)
    sides = images_of(run, usual.pairs, usual.seed)
    scipy = against_scipy(eager, *sides, usual, delta, arguments.rows)
    ratio = {"ratio_vs_scipy": scipy["scipy_seconds_a_row"] / found["seconds_a_row"]}
    yield {"part": "attack", **about, **found, **scipy, **ratio}
    within = replace(usual, loss="output-l2", threat="l2")
    yield {"part": "budgets", **about, **attacked(device, run, within)[0]}


def attacked(
    device: torch.device, run: RunFolder, config: AttackConfig
) -> tuple[dict[str, Any], list[list[float]]]:
    """Seconds and memory of an attack on all pairs, and Δ of each pair and level."""
    model = fold_batch_norm(load_model(run).to(device))
    x, target = (side.to(device) for side in images_of(run, config.pairs, config.seed))
    delta: list[list[float]] = []

    def once() -> None:
        delta[:] = attack(model, x, target, config).delta.tolist()

    found = timed(device, once, 1)
    rows = sum(map(len, delta))
    return {"rows": rows, **found, "seconds_a_row": found["seconds"] / rows}, delta


def measure(arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """One row per part and variant."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
    for part in (trainings, corrections, attacks):
        for row in part(device, arguments):
            yield {"benchmark": "device", "device": name, **row, **machine()}


def main() -> None:
    """Print the rows."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--batch", type=int, default=1024)
    parser.add_argument("--repeats", type=int, default=5, help="timed steps and TC values")
    parser.add_argument("--model", choices=[*MODELS, *SMALL_MODELS], default="vae")
    parser.add_argument("--pairs", type=int, default=20)
    parser.add_argument("--rows", type=int, default=20, help="rows that SciPy gets")
    parser.add_argument("--folder", type=Path, default=Path("runs/benchmark"), help="of the model")
    parser.add_argument("--json", action="store_true", help="one JSON row a line, else a summary")
    arguments = parser.parse_args()
    for row in measure(arguments):
        print(json.dumps(row) if arguments.json else _summary(row), flush=True)


def _summary(row: dict[str, Any]) -> str:
    about = [str(row[name]) for name in ("model", "precision", "units") if name in row]
    peak = "" if row["peak_bytes"] is None else f", {row['peak_bytes'] / 2**20:.0f} MiB"
    ratio = f", {row['ratio_vs_scipy']:.1f}× SciPy" if "ratio_vs_scipy" in row else ""
    return f"{row['part']:18} {' '.join(about):22} {row['seconds']:.3f} s{peak}{ratio}"


if __name__ == "__main__":
    main()
