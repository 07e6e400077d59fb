"""A run that trains in a second, and its data."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from seatbelt_vae.config import (
    PRESETS,
    DataConfig,
    ModelConfig,
    RunConfig,
    TrainingConfig,
)
from seatbelt_vae.data import ImageData, load_data
from seatbelt_vae.data.dataset import Split, random_split
from seatbelt_vae.models import HierarchicalVAE
from seatbelt_vae.objectives import elbo_units
from seatbelt_vae.protocol import draw_noise
from seatbelt_vae.randomness import Stream, generator_for
from seatbelt_vae.runs import RunFolder
from seatbelt_vae.training import train

STEPS = 60

CONFIG = RunConfig(
    data=DataConfig(name="swiss-roll", images=600),
    model=ModelConfig(
        preset="vae", latent_sizes=(3,), network="mlp", features=16, hierarchy_widths=(8, 8)
    ),
    training=TrainingConfig(
        steps=STEPS,
        batch_size=32,
        learning_rate=3e-3,
        checkpoint_every=7,
        validate_every=20,
        device="cpu",
        threads=1,
    ),
)


def config(preset: str = "vae", **training: object) -> RunConfig:
    """The small run with another preset or other training settings."""
    sizes = (4, 3, 2) if PRESETS[preset].hierarchical else (3,)
    return replace(
        CONFIG,
        model=replace(CONFIG.model, preset=preset, latent_sizes=sizes),
        training=replace(CONFIG.training, **training),
    )


def convolutional(**training: object) -> RunConfig:
    """A hierarchy of two layers for `blobs`."""
    settings = config("seatbelt", batch_size=16, **training)
    model = replace(
        settings.model,
        network="conv",
        latent_sizes=(3, 2),
        filters=(16, 6),
        features=8,
        hierarchy_widths=(8,),
    )
    return replace(settings, model=model)


def points() -> ImageData:
    """The data set of the small run."""
    return load_data(CONFIG.data.name, None, CONFIG.data.images)


def trained(path: Path, settings: RunConfig, data: ImageData | None = None, **options) -> RunFolder:
    """The run after training."""
    run = RunFolder.create(path, settings)
    train(run, data or points(), **options)
    return run


def weight_bytes(run: RunFolder) -> bytes:
    """The file of the weights."""
    return (run.path / "model.safetensors").read_bytes()


def blobs(count: int = 200) -> ImageData:
    """Grey 16×16 images of one bright square, for convolutional models."""
    corners = np.random.default_rng(0).integers(0, 11, (count, 2))
    pixels = np.full((count, 1, 16, 16), -1, np.float32)
    for image, (row, column) in zip(pixels, corners, strict=True):
        image[0, row : row + 5, column : column + 5] = 1
    train_split, test_split = random_split(count, lambda indices: pixels[indices])
    return ImageData("blobs", (-1.0, 1.0), (1, 16, 16), train_split, test_split)


def held_out_elbo(model: HierarchicalVAE, data: ImageData) -> float:
    """The expected validation of the model, computed in float32 without the trainer."""
    x = data.test.batch(np.arange(len(data.test))[:512])
    noise = draw_noise(
        model.latent_sizes, (len(x),), generator_for(Stream.VALIDATION_NOISE, 0), like=x
    )
    with torch.no_grad():
        likelihood, units, _ = elbo_units(model.eval(), x, noise)
    return (likelihood - sum(layer.sum(1) for layer in units)).mean().item()


def poisoned(data: ImageData, after: int) -> ImageData:
    """The same data, with NaN training images after the given number of batches."""
    served = 0

    def read(indices):
        nonlocal served
        served += 1
        images = data.train.read(indices)
        return np.full_like(images, np.nan) if served > after else images

    return replace(data, train=Split(data.train.indices, read))


def stopped_after(steps: int) -> Callable[[], bool]:
    """A `stop` callback that stops after the given number of steps."""
    left = iter([False] * (steps - 1))
    return lambda: next(left, True)


def train_in_process(folder: Path) -> None:
    """Resume a run on one thread; for a process that may be killed."""
    torch.set_num_threads(1)
    train(RunFolder.open(folder), points())
