"""The trained models that benchmarks attack: dSprites, paper widths, a few minutes each."""

from pathlib import Path

from seatbelt_vae.config import DataConfig, ModelConfig, RunConfig, TrainingConfig
from seatbelt_vae.data import load_data
from seatbelt_vae.parallel.process_settings import tune_process
from seatbelt_vae.runs import RunFolder
from seatbelt_vae.training import train

__all__ = ["MODELS", "trained"]

MODELS = {
    "vae": ModelConfig(preset="vae", latent_sizes=(32,)),
    "beta-tcvae": ModelConfig(preset="beta-tcvae", latent_sizes=(32,)),
    "seatbelt-2": ModelConfig(preset="seatbelt", depth=2),
    "seatbelt-4": ModelConfig(preset="seatbelt", depth=4),
}
_TRAINING = TrainingConfig(
    steps=1500,
    batch_size=64,
    learning_rate=3e-3,
    checkpoint_every=500,
    validate_every=500,
    threads=1,
)


def trained(name: str, folder: Path) -> RunFolder:
    """The run of a model in ``folder``; trained first if it is not there, or not to its end."""
    config = RunConfig(data=DataConfig("dsprites"), model=MODELS[name], training=_TRAINING)
    path = folder / name
    new = not (path / "run.json").exists()
    run = RunFolder.create(path, config) if new else RunFolder.open(path)
    if not (path / "model.safetensors").exists():
        tune_process(_TRAINING.threads)
        train(run, load_data("dsprites"))
    return run
