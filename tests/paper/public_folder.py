"""A folder of public models as disentangling-vae lays it out, with random weights."""

import json
from pathlib import Path

import torch

from seatbelt_vae.runs import write_tensors
from seatbelt_vae.subjects.adapters.disentangling_vae import DisentanglingVAE

UNITS = 3


def specs(loss: str, **other: object) -> dict[str, object]:
    return {
        "dataset": "dsprites",
        "loss": loss,
        "rec_dist": "bernoulli",
        "betaH_B": 4,
        "btcvae_A": 1,
        "btcvae_B": 6.4,
        "btcvae_G": 1,
        "factor_G": 2.5,
        "epochs": 30,
        "batch_size": 64,
        "lr": 0.0005,
        "seed": 1234,
        "latent_dim": UNITS,
        **other,
    }


def public_folder(folder: Path, losses=("VAE", "btcvae", "factor"), **other: object) -> Path:
    """Write one model per loss, named as in the project, beside a file of another kind."""
    folder.mkdir()
    entries = {}
    for seed, loss in enumerate(losses):
        torch.manual_seed(seed)
        about = specs(loss, **other)
        name = f"{loss}_{about['dataset']}"
        write_tensors(
            folder / f"{name}.safetensors", DisentanglingVAE(1, 64, UNITS, 8).state_dict()
        )
        entries[name] = {"specs": about}
    (folder / "models.json").write_text(json.dumps(entries))
    write_tensors(folder / "another_kind.safetensors", {"weight": torch.zeros(1)})
    return folder
