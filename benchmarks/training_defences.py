"""A training step with each training defence against a plain step, with the same networks.

    python -m benchmarks.training_defences --json

Batch 64 of 64×64 grey images, filters 16 16 32 32, 128 features, 32 units. The two take turns
in one process on one thread; the ratio is that of the median CPU times. Goal:
`denoising-adversarial` with one step costs at most 2.2 plain steps.
"""

import argparse
import json
import time
from statistics import median

import numpy as np
import torch

from benchmarks.machine import machine
from seatbelt_vae.config import DataConfig, ModelConfig, ObjectiveConfig, RunConfig, TrainingConfig
from seatbelt_vae.data import ImageData
from seatbelt_vae.data.dataset import random_split
from seatbelt_vae.training.trainer import Trainer

KINDS = {
    "denoising-adversarial": ObjectiveConfig(defence=("denoising-adversarial",)),
    "denoising-adversarial, 3 steps": ObjectiveConfig(
        defence=("denoising-adversarial",), defence_steps=3
    ),
    "denoising-adversarial, 10 steps": ObjectiveConfig(
        defence=("denoising-adversarial",), defence_steps=10
    ),
    "coupled-encoder, delusion": ObjectiveConfig(defence=("coupled-encoder",)),
    "coupled-encoder, adversarial": ObjectiveConfig(
        defence=("coupled-encoder",), coupling_source="adversarial"
    ),
    "coupled-encoder, gaussian": ObjectiveConfig(
        defence=("coupled-encoder",), coupling_source="gaussian"
    ),
    "encoder-jacobian": ObjectiveConfig(defence=("encoder-jacobian",)),
    "reconstruction-jacobian": ObjectiveConfig(defence=("reconstruction-jacobian",)),
}
BATCH, WARM = 64, 3


def noise_images() -> ImageData:
    """Random images: a step's time does not depend on their content."""
    images = np.random.default_rng(0).uniform(-1, 1, (1024, 1, 64, 64)).astype(np.float32)
    return ImageData(
        "noise", (-1.0, 1.0), (1, 64, 64), *random_split(len(images), lambda i: images[i])
    )


def trainer(data: ImageData, objective: ObjectiveConfig) -> Trainer:
    """A plain VAE with an objective."""
    model = ModelConfig("vae", latent_sizes=(32,), filters=(16, 16, 32, 32), features=128)
    training = TrainingConfig(batch_size=BATCH, steps=1000, device="cpu", threads=1)
    return Trainer(RunConfig(DataConfig(data.name), model, objective, training), data)


def ratio(data: ImageData, objective: ObjectiveConfig, steps: int) -> tuple[float, float]:
    """The median seconds of a plain step, and of a defended one over it."""
    both = trainer(data, ObjectiveConfig()), trainer(data, objective)
    seconds: tuple[list[float], list[float]] = [], []
    for step, x in enumerate(both[0].batches.images(1, WARM + steps), start=1):
        for one, spent in zip(both, seconds, strict=True):
            start = time.process_time()
            one.step(step, x)
            spent.append(time.process_time() - start)
    plain, defended = (median(spent[WARM:]) for spent in seconds)
    return plain, defended / plain


def main() -> None:
    """Print the rows."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", help="one JSON object, else a table")
    parser.add_argument("--steps", type=int, default=25, help="timed steps of each kind")
    options = parser.parse_args()
    torch.set_num_threads(1)
    data = noise_images()
    rows = {name: ratio(data, objective, options.steps) for name, objective in KINDS.items()}
    if options.json:
        found = {name: {"plain_s": plain, "ratio": times} for name, (plain, times) in rows.items()}
        print(json.dumps({"machine": machine(), "defences": found}))
        return
    for name, (plain, times) in rows.items():
        print(f"{name:34} {times:5.2f} × a plain step of {1000 * plain:.0f} ms")


if __name__ == "__main__":
    main()
