"""Run folders with tiny models, images and attacks, for figures of images."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from seatbelt_vae.config import DataConfig, ModelConfig, RunConfig, resolve
from seatbelt_vae.evaluation.measures import BUDGETS
from seatbelt_vae.models import save_model
from seatbelt_vae.runs import RunFolder, write_rows, write_tensors
from tests.paper.made_up import MadeUp
from tests.random_models import random_model

SIDE = 16
BOUNDS = (-1.0, 1.0)


def write_runs(folder: Path, store: MadeUp) -> None:
    """A folder for every run of a made-up store, with the images of its attacks."""
    for run in store.views["runs"]:
        name, sizes = run["run"], tuple(run["latent_sizes"])
        settings = ModelConfig(
            preset=run["preset"],
            latent_sizes=sizes,
            network="mlp",
            features=8,
            hierarchy_widths=(8,) * 4,
        )
        made = RunFolder.create(folder / name, RunConfig(DataConfig(run["data"]), settings))
        model = random_model(resolve(settings, run["data"], (1, SIDE, SIDE), BOUNDS), len(name))
        save_model(model, made)
        x = torch.stack([disc(image) for image in range(8)])
        pictures = {"x": x, "reconstruction": 0.5 * x}
        write_tensors(folder / name / "evaluation" / "pictures.safetensors", pictures)
    for place in {(row["run"], row["suite"], row["pair"]) for row in store.views["attacks"]}:
        _write_pair(folder / place[0] / "attacks" / place[1], place, store)


def disc(seed: int) -> Tensor:
    """A white disc on black, (1, 16, 16)."""
    place = np.random.default_rng(seed).uniform(4, 12, 2)
    grid = np.stack(np.meshgrid(np.arange(SIDE), np.arange(SIDE))) + 0.5
    inside = ((grid - place[:, None, None]) ** 2).sum(0) < 9
    return torch.from_numpy(np.where(inside, 1.0, -1.0).astype(np.float32))[None]


def _write_pair(suite: Path, key: tuple[str, str, int], store: MadeUp) -> None:
    rows = [r for r in store.views["attacks"] if (r["run"], r["suite"], r["pair"]) == key]
    x, target = disc(2 * key[2]), disc(2 * key[2] + 1)
    name = f"pair-{key[2]:05d}"
    ways = torch.linspace(0.6, 0.0, len(rows))
    adversarial = torch.stack([torch.lerp(x, target, float(way)) for way in ways])
    write_rows(suite / f"{name}.parquet", rows)
    write_tensors(
        suite / f"{name}.safetensors", {"x": x, "target": target, "adversarial": adversarial}
    )
    budgets = [
        {"pair": key[2], "epsilon": e, "gap": 1 - e, "distance_relative": e, "told_apart": True}
        for e in BUDGETS
    ]
    write_rows(suite / "budgets" / f"{name}.parquet", budgets)
    moved = torch.stack([torch.lerp(x, target, e) for e in BUDGETS])
    pictures = {"x": x, "target": target, "reconstruction_x": 0.5 * x, "adversarial": moved}
    write_tensors(
        suite / "budgets" / f"{name}.safetensors", {**pictures, "reconstruction": 0.5 * moved}
    )
