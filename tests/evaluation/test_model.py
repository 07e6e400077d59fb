"""A run evaluated from end to end: what is written, and that it is what the parts say."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.evaluation.stand_ins import SHAPE, random_images, random_vae

from seatbelt_vae.config import EvaluationConfig, RunConfig
from seatbelt_vae.data import ImageData, Split
from seatbelt_vae.evaluation.likelihood import measure_images
from seatbelt_vae.evaluation.model import evaluate
from seatbelt_vae.models import save_model
from seatbelt_vae.objectives.elbo import ACTIVE
from seatbelt_vae.runs import RunFolder, read_rows, read_tensors

SETTINGS = EvaluationConfig(
    images=7, iwae_draws=4, aggregate_queries=12, max_chains=16, traversals=2, batch_size=20
)


def binary_data() -> ImageData:
    images = (random_images(40, dtype=torch.float32) > 0).float().numpy() * 2 - 1

    def read(indices: np.ndarray) -> np.ndarray:
        return images[indices]

    train, test = Split(np.arange(30), read), Split(np.arange(30, 40), read)
    return ImageData("toy", (-1.0, 1.0), SHAPE, train, test)


def run_of(path: Path, sizes: tuple[int, ...]) -> RunFolder:
    folder = RunFolder.create(path, RunConfig())
    save_model(random_vae(sizes), folder)
    return folder


@pytest.mark.parametrize("sizes", [(5,), (6, 4, 3)])
def test_a_run_is_evaluated(tmp_path: Path, sizes: tuple[int, ...]) -> None:
    folder, data = run_of(tmp_path / "run", sizes), binary_data()
    stages: set[str] = set()
    measures = evaluate(folder, data, SETTINGS, lambda *told: stages.add(told[0]))
    place = folder.path / "evaluation"
    assert json.loads((place / "measures.json").read_text()) == measures
    assert stages == {"images", "aggregate posterior"}

    sigma = read_rows(place / "sigma.parquet")
    positions = np.array([row["image"] for row in sigma])
    assert len(set(positions.tolist())) == 7
    x = data.test.batch(positions)
    direct = measure_images(random_vae(sizes), x, draws=4)
    assert measures["images"] == 7
    assert measures["elbo"] == pytest.approx(direct.elbo.mean().item(), rel=1e-5)
    assert measures["iwae"] == pytest.approx(direct.iwae.mean().item(), rel=1e-5)
    assert measures["divergences"] == pytest.approx(direct.divergences, rel=1e-3, abs=1e-4)
    assert measures["elbo"] == pytest.approx(
        measures["log_likelihood"] - sum(measures["divergences"])
    )
    assert np.array([row["sigma_norm"] for row in sigma]) == pytest.approx(
        direct.sigma_norm.numpy(), rel=1e-4
    )
    assert measures["sigma_norm"]["quantiles"][2] == pytest.approx(
        np.median([row["sigma_norm"] for row in sigma], axis=0)
    )
    assert 0 <= measures["iou"] <= 1

    units = read_rows(place / "units.parquet")
    assert [(row["layer"], row["unit"]) for row in units] == [
        (layer, unit) for layer, size in enumerate(sizes) for unit in range(size)
    ]
    active = [sum(r["active"] for r in units if r["layer"] == i) for i in range(len(sizes))]
    assert active == measures["active_units"]
    assert all(row["active"] == (row["divergence"] > ACTIVE) for row in units)

    pictures = read_tensors(place / "pictures.safetensors")
    assert torch.equal(pictures["x"], x)
    shown = sum(min(5, size) for size in sizes)
    assert pictures["traversals"].shape == (2, shown, 9, *SHAPE)

    for name in ("total_correlation", "mutual_information"):
        found = measures[name]
        assert found["images"] == 30
        assert found["lower"] <= found["upper"]
        assert (found["lower"] == found["upper"]) == (len(sizes) == 1)


def test_same_seed_same_numbers(tmp_path: Path) -> None:
    folder, data = run_of(tmp_path / "run", (4, 3)), binary_data()
    assert evaluate(folder, data, SETTINGS) == evaluate(folder, data, SETTINGS)


def test_a_subset_of_the_training_split_is_stated(tmp_path: Path) -> None:
    settings = EvaluationConfig(
        images=3, iwae_draws=2, aggregate_images=9, aggregate_queries=5, max_chains=8
    )
    measures = evaluate(run_of(tmp_path / "run", (3,)), binary_data(), settings)
    assert measures["total_correlation"]["images"] == 9
    assert measures["images"] == 3
