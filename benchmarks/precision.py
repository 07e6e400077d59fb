"""What bf16 does to the ELBO: the same trainings in both precisions, seed by seed.

Rounding sends a training along another path that ends elsewhere, so that the difference of a single
pair says little: it is believed as far as its standard error over seeds. Trainings are those of
`benchmarks.training` with batches of 64, several at a time on one thread each, and are validated in
float32.
"""

import tempfile
from pathlib import Path
from typing import Literal

import numpy as np

from seatbelt_vae import (
    DataConfig,
    Job,
    ModelConfig,
    RunConfig,
    RunFolder,
    TrainingConfig,
    run_sweep,
)
from seatbelt_vae.runs import read_rows

__all__ = ["PRECISIONS", "Precision", "elbo_differences", "has_bf16"]

Precision = Literal["float32", "bf16"]
PRECISIONS: tuple[Precision, ...] = ("float32", "bf16")


def has_bf16() -> bool:
    """Whether the processor multiplies bfloat16 itself."""
    facts = Path("/proc/cpuinfo")
    text = facts.read_text(encoding="utf-8") if facts.exists() else ""
    return "avx512_bf16" in text or "amx_bf16" in text


def elbo_differences(model: ModelConfig, steps: int, seeds: int) -> dict[str, float]:
    """How far the ELBO in bf16 is from float32's of the same seed; all in shares of the latter."""
    with tempfile.TemporaryDirectory() as folder:
        jobs = {
            f"{precision}-{seed}": _job(model, precision, steps, seed)
            for seed in range(seeds)
            for precision in PRECISIONS
        }
        runs = run_sweep(Path(folder), jobs).runs
        exact, half = (
            np.array([_elbo(runs[f"{precision}-{seed}"]) for seed in range(seeds)])
            for precision in PRECISIONS
        )
    scale, differences = abs(exact.mean()), half - exact
    return {
        "elbo_seeds": seeds,
        "elbo": float(exact.mean()),
        "elbo_spread_of_seeds": float(exact.std(ddof=1) / scale),
        "bf16_elbo_difference": float(differences.mean() / scale),
        "bf16_elbo_difference_error": float(differences.std(ddof=1) / seeds**0.5 / scale),
    }


def _job(model: ModelConfig, precision: Precision, steps: int, seed: int) -> Job:
    training = TrainingConfig(
        steps=steps,
        batch_size=64,
        precision=precision,
        seed=seed,
        checkpoint_every=steps,
        validate_every=steps,
        device="cpu",
        threads=1,
    )
    return Job(RunConfig(DataConfig("dsprites"), model, training=training))


def _elbo(run: RunFolder) -> float:
    (row,) = (row for row in read_rows(run.path / "metrics") if row["split"] == "validation")
    elbo: float = row["elbo"]
    return elbo
