"""The trained models that benchmarks attack.

`MODELS` have the paper's widths on dSprites and train for a few minutes each; `SMALL_MODELS` have
images of 32×32 pixels and train for seconds.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seatbelt_vae.attacks import choose_pairs
from seatbelt_vae.config import DataConfig, ModelConfig, ObjectiveConfig, RunConfig, TrainingConfig
from seatbelt_vae.data import load_data
from seatbelt_vae.data.loading import load_for
from seatbelt_vae.parallel.process_settings import tune_process
from seatbelt_vae.runs import RunFolder
from seatbelt_vae.training import train

__all__ = ["MODELS", "SMALL_MODELS", "coloured_sprites", "images_of", "trained"]

_SIDE = 32
_COLOURED = 8000
_TRAINING = TrainingConfig(
    steps=1500,
    batch_size=64,
    learning_rate=3e-3,
    checkpoint_every=500,
    validate_every=500,
    device="cpu",
    threads=1,
)
_BRIEF = replace(_TRAINING, steps=600, checkpoint_every=600, validate_every=600)
_SPRITES = DataConfig("dsprites", images=20_000, image_size=_SIDE)
_CONV = ModelConfig("vae", latent_sizes=(8,), filters=(16, 16, 32), features=128)
_MLP = ModelConfig("vae", latent_sizes=(8,), network="mlp", features=256)
_FOUR_LAYERS = replace(
    _CONV, preset="seatbelt", latent_sizes=(24, 12, 6, 3), hierarchy_widths=(128, 64, 32)
)


def _on_sprites(model: ModelConfig) -> RunConfig:
    return RunConfig(DataConfig("dsprites"), model, training=_TRAINING)


MODELS = {
    "vae": _on_sprites(ModelConfig(preset="vae", latent_sizes=(32,))),
    "beta-tcvae": _on_sprites(ModelConfig(preset="beta-tcvae", latent_sizes=(32,))),
    "seatbelt-2": _on_sprites(ModelConfig(preset="seatbelt", depth=2)),
    "seatbelt-4": _on_sprites(ModelConfig(preset="seatbelt", depth=4)),
}
SMALL_MODELS = {
    "conv": RunConfig(_SPRITES, _CONV, training=_BRIEF),
    "mlp": RunConfig(_SPRITES, _MLP, training=_BRIEF),
    "bernoulli": RunConfig(_SPRITES, replace(_MLP, likelihood="bernoulli"), training=_BRIEF),
    "rgb": RunConfig(DataConfig("benchmarks.models:coloured_sprites"), _CONV, training=_BRIEF),
    "four-layers": RunConfig(_SPRITES, _FOUR_LAYERS, ObjectiveConfig(beta=1.0), _BRIEF),
}


def coloured_sprites() -> NDArray[np.uint8]:
    """dSprites in random colours on random backgrounds, (N, 32, 32, 3), the same at every call."""
    generator = np.random.default_rng(0)
    split = load_data("dsprites", images=_COLOURED, image_size=_SIDE).train
    shape = split.batch(np.arange(_COLOURED)).permute(0, 2, 3, 1).numpy() / 2 + 0.5
    front, back = generator.uniform(size=(2, _COLOURED, 1, 1, 3))
    mixed = shape * front + (1 - shape) * back / 2
    coloured: NDArray[np.uint8] = np.round(255 * mixed).astype(np.uint8)
    return coloured


def trained(name: str, folder: Path) -> RunFolder:
    """The run of a model in ``folder``; trained first if it is not there, or not to its end."""
    config = (MODELS | SMALL_MODELS)[name]
    path = folder / name
    new = not (path / "run.json").exists()
    run = RunFolder.create(path, config) if new else RunFolder.open(path)
    if not (path / "model.safetensors").exists():
        tune_process(_TRAINING.threads)
        train(run, load_for(config))
    return run


def images_of(run: RunFolder, pairs: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Held-out inputs and targets of a run's data set, (P, C, H, W)."""
    data = load_for(run.config)
    chosen = choose_pairs(data, pairs, seed)
    inputs, targets = (data.test.batch(np.array(side)) for side in zip(*chosen, strict=True))
    return torch.as_tensor(inputs), torch.as_tensor(targets)
