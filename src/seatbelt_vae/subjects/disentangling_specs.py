"""How the models of disentangling-vae were trained, from ``models.json`` beside their weights."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from seatbelt_vae.config import (
    DataConfig,
    ModelConfig,
    ObjectiveConfig,
    RunConfig,
    TrainingConfig,
)
from seatbelt_vae.errors import ArtifactError, ConfigError
from seatbelt_vae.runs.checked_files import checked_table

__all__ = ["SPECS", "trained_as"]

SPECS = "models.json"
"""Hyper-parameters by name of the weights file, each under ``specs``."""

_OBJECTIVES = {
    "VAE": ("vae", None),
    "betaH": ("beta-vae", "betaH_B"),
    "btcvae": ("beta-tcvae", "btcvae_B"),
    "factor": ("factor-vae", "factor_G"),
}
"""The preset of each loss, and the name of its weight."""


def trained_as(weights: Path) -> RunConfig | None:
    """The settings of the training of a weights file, as a `RunConfig` states them.

    Returns:
        The settings; None without an entry in ``models.json``, or if its objective has no preset.

    Raises:
        ArtifactError: the entry is damaged.
    """
    path = weights.with_name(SPECS)
    entry = checked_table(path).get(weights.stem) if path.exists() else None
    if entry is None:
        return None
    try:
        return _settings(entry["specs"])
    except (KeyError, TypeError, ValueError, ConfigError) as error:
        raise ArtifactError(
            f"{path}: the specs of {weights.stem} are damaged or incomplete ({error}): restore it"
        ) from None


def _settings(specs: Mapping[str, Any]) -> RunConfig | None:
    loss = specs["loss"]
    if loss not in _OBJECTIVES or (
        loss == "btcvae" and (specs["btcvae_A"], specs["btcvae_G"]) != (1, 1)
    ):
        return None
    preset, weight = _OBJECTIVES[loss]
    beta = 1.0 if weight is None else float(specs[weight])
    if preset == "factor-vae":
        beta += 1  # γ weighs a TC besides the one in the KL
    return RunConfig(
        data=DataConfig(str(specs["dataset"])),
        model=ModelConfig(
            preset, latent_sizes=(int(specs["latent_dim"]),), likelihood=specs["rec_dist"]
        ),
        objective=ObjectiveConfig(beta=beta),
        training=TrainingConfig(
            epochs=int(specs["epochs"]),
            batch_size=int(specs["batch_size"]),
            learning_rate=float(specs["lr"]),
            seed=int(specs["seed"]),
        ),
    )
