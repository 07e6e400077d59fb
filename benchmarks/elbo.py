"""The ELBO of every preset on every data set after the same few steps of training.

    python -m benchmarks.elbo --json --root celeba=CELEBA faces=ICT-FACEKIT

Small networks with the presets' own β, layers and free bits, batch 64, one thread each and several
at a time. A row is what held-out images cost at β = 1: the likelihood, the divergence and active
units of each layer. Sets that are not on this machine are skipped with the reason. Finished runs
are kept in a folder and not trained again.
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import machine
from seatbelt_vae import (
    DataConfig,
    Job,
    ModelConfig,
    ObjectiveConfig,
    RunConfig,
    RunFolder,
    TrainingConfig,
    load_data,
    load_model,
    run_sweep,
)
from seatbelt_vae.config import PRESETS, resolve_objective
from seatbelt_vae.data import ImageData
from seatbelt_vae.errors import DataError
from seatbelt_vae.evaluation.likelihood import measure_images
from seatbelt_vae.sweep import LocalEngine

_SETS = ("dsprites", "chairs", "faces", "celeba", "fashion-mnist", "mnist", "swiss-roll")
_POINTS = ("swiss-roll",)
_SMALL = ModelConfig(filters=(16, 16, 32, 32), features=128, hierarchy_widths=(256, 128, 64))
_TRAINING = TrainingConfig(
    batch_size=64,
    learning_rate=3e-3,
    checkpoint_every=10**6,
    validate_every=10**6,
    device="cpu",
    threads=1,
)
_HELD_OUT, _DRAWS = 1000, 4


def settings(name: str, root: str | None, preset: str, steps: int) -> RunConfig:
    """Of one run."""
    return RunConfig(
        DataConfig(name, root),
        replace(_SMALL, preset=preset, network="mlp" if name in _POINTS else "conv"),
        training=replace(_TRAINING, steps=steps),
    )


def measured(run: RunFolder, data: ImageData) -> dict[str, Any]:
    """What a finished run's model makes of held-out images, nats per image."""
    model, x = load_model(run), data.test.batch(np.arange(min(_HELD_OUT, len(data.test))))
    found = measure_images(model, x, draws=_DRAWS)
    beta, free_bits = resolve_objective(
        ObjectiveConfig(), run.config.model.preset, len(model.latent_sizes)
    )
    began, ended = ((run.path / name).stat().st_mtime for name in ("run.json", "model.safetensors"))
    return {
        "beta": beta,
        "free_bits": free_bits,
        "latent_sizes": list(model.latent_sizes),
        "images": len(x),
        "elbo": found.elbo.mean().item(),
        "elbo_standard_error": found.elbo.std().item() / len(x) ** 0.5,
        "log_likelihood": found.log_likelihood.mean().item(),
        "divergences": found.divergences,
        "active_units": found.active_units,
        "steps": run.config.training.steps,
        "seconds": ended - began,
    }


def rows(arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """One a set and preset, or one a set that is skipped or a run that failed."""
    roots = dict(given.split("=", 1) for given in arguments.root)
    for name in arguments.sets:
        about = {"benchmark": "elbo", "data_set": name}
        try:
            data = load_data(name, roots.get(name))
        except DataError as error:
            yield {**about, "skipped": str(error)}
            continue
        jobs = {
            preset: Job(settings(name, roots.get(name), preset, arguments.steps))
            for preset in arguments.presets
        }
        folder = arguments.folder / f"{name}-{arguments.steps}"
        done = run_sweep(folder, jobs, engine=LocalEngine(arguments.jobs))
        for preset in jobs:
            row = {**about, "preset": preset}
            if preset in done.failures:
                yield {**row, "failed": done.failures[preset]}
            else:
                yield {**row, **measured(done.runs[preset], data), **machine()}


def main() -> None:
    """Print a row for each set and preset."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sets", nargs="+", choices=_SETS, default=_SETS)
    parser.add_argument("--presets", nargs="+", choices=PRESETS, default=tuple(PRESETS))
    parser.add_argument(
        "--root", nargs="+", default=[], metavar="SET=FOLDER", help="of their files"
    )
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--jobs", type=int, default=2, help="models trained at a time")
    parser.add_argument("--folder", type=Path, default=Path("runs/elbo"), help="of the runs")
    parser.add_argument("--json", action="store_true", help="one JSON row a line, else a table")
    arguments = parser.parse_args()
    if not arguments.json:
        print(
            _line(("set", "preset", "β", "ELBO", "log p(x\\|z)", "KL", "active units", "seconds"))
        )
        print(_line(["---"] * 8))
    for row in rows(arguments):
        print(json.dumps(row) if arguments.json else _summary(row), flush=True)


def _summary(row: dict[str, Any]) -> str:
    if reason := row.get("skipped") or row.get("failed"):
        return _line((row["data_set"], row.get("preset", ""), "", reason, "", "", "", ""))
    active = zip(row["active_units"], row["latent_sizes"], strict=True)
    return _line(
        (
            row["data_set"],
            row["preset"],
            f"{row['beta']:g}",
            f"{row['elbo']:.1f} ± {row['elbo_standard_error']:.1f}",
            f"{row['log_likelihood']:.1f}",
            " + ".join(f"{nats:.1f}" for nats in row["divergences"]),
            " + ".join(f"{units}/{size}" for units, size in active),
            f"{row['seconds']:.0f}",
        )
    )


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
