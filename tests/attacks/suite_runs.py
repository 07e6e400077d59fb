"""A run folder with a small model of 32×32 dSprites, and its suite."""

from pathlib import Path

import torch

from seatbelt_vae.attacks import run_suite
from seatbelt_vae.config import AttackConfig, DataConfig, ModelConfig, RunConfig, resolve
from seatbelt_vae.data import ImageData, load_data
from seatbelt_vae.models import save_model
from seatbelt_vae.runs import RunFolder
from tests.random_models import random_model

CONFIG = AttackConfig(
    pairs=4,
    weight_count=5,
    restarts=1,
    max_evaluations=12,
    recheck=0.2,
    gradient_free=20,
    seed=3,
    micro_batch=16,
)


def sprites() -> ImageData:
    """The data set that is attacked."""
    return load_data("dsprites", None, 100, 32)


def make_run(path: Path, seed: int = 0) -> RunFolder:
    """A run whose model is not trained, but tells images apart: enough to be attacked."""
    model = ModelConfig(
        "seatbelt", latent_sizes=(4, 3), filters=(4, 8), features=16, hierarchy_widths=(8,)
    )
    config = RunConfig(data=DataConfig("dsprites", images=100, image_size=32), model=model)
    run = RunFolder.create(path, config)
    made = random_model(resolve(model, "dsprites", (1, 32, 32), (-1.0, 1.0)), seed)
    with torch.no_grad():
        for weights in made.parameters():
            weights *= 1.8
    save_model(made.eval(), run)
    return run


def suite_in_process(run: Path, config: AttackConfig) -> None:
    """Start a run's suite or go on with it, on one thread; for a process that may be killed."""
    torch.set_num_threads(1)
    run_suite(RunFolder.open(run), sprites(), config)
