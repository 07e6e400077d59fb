"""A penalty and a preset in one module outside the package."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from seatbelt_vae import (
    Autoencoder,
    DefendedBatch,
    HierarchicalVAE,
    InputDefence,
    ObjectiveConfig,
    Penalty,
    PenaltyInput,
    PenaltyLoss,
    Preset,
    RunFolder,
    Store,
    load_model,
    train,
)
from seatbelt_vae.config import resolve_objective
from seatbelt_vae.errors import ConfigError
from seatbelt_vae.models.card import model_card
from seatbelt_vae.runs import read_rows
from tests.training.small import CONFIG, points, stopped_after, trained, weight_bytes


class NoisyReconstruction(PenaltyLoss):
    """The squared distance of the reconstructions of x and of x with Gaussian noise."""

    def __call__(self, given: PenaltyInput) -> tuple[Tensor, Mapping[str, Tensor]]:
        noise = torch.randn(given.x.shape, generator=given.generator()).to(given.x)
        moved = given.model.encode(given.x + 0.1 * noise, given.noise)
        change = given.model.decode(moved.z).mean - given.model.decode(given.posterior.z).mean
        distance = change.flatten(1).square().sum(1)
        return distance.mean(), {"largest_change": distance.max()}


SMOOTH = Preset(
    "ELBO − (β−1)·‖g(e(x + δ)) − g(e(x))‖²",
    (Penalty("smooth", "‖g(e(x + δ)) − g(e(x))‖²", NoisyReconstruction),),
    beta=10_001.0,
)
SETTINGS = replace(
    CONFIG,
    model=replace(CONFIG.model, preset=f"{__name__}:SMOOTH"),
    training=replace(CONFIG.training, steps=8, checkpoint_every=4),
)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return trained(tmp_path_factory.mktemp("runs") / "smooth", SETTINGS)


def test_it_is_subtracted_and_among_the_metrics(run: RunFolder) -> None:
    rows = [row for row in read_rows(run.path / "metrics") if row["split"] == "train"]
    assert len(rows) == 8
    for row in rows:
        assert 0 < row["smooth"] <= row["largest_change"]
        assert row["objective"] == pytest.approx(row["elbo"] - 1e4 * row["smooth"], rel=1e-5)


def test_an_interrupted_run_ends_in_the_same_weights(run: RunFolder, tmp_path: Path) -> None:
    parts = trained(tmp_path / "parts", SETTINGS, stop=stopped_after(3))
    train(RunFolder.open(parts.path), points())
    assert weight_bytes(run) == weight_bytes(parts)


def test_the_card_and_the_store_state_it(run: RunFolder) -> None:
    model = load_model(run)
    assert isinstance(model, HierarchicalVAE)
    text = model_card(model.architecture, run.config).text.replace("\\", "")
    assert "The objective is ELBO − 10000·‖g(e(x + δ)) − g(e(x))‖², with β = 10001." in text
    rows = Store.open([run.path]).query("SELECT objective, beta FROM runs").to_pylist()
    assert rows == [{"objective": "smooth", "beta": 10_001.0}]


class Mirrored(InputDefence):
    """The encoder reads the second half of the points mirrored, and must decode the originals."""

    def __call__(self, model: Autoencoder, x: Tensor, _step: int | None) -> DefendedBatch:
        mirrored = sum(model.bounds) - x
        moved = torch.arange(len(x)) >= len(x) // 2
        return DefendedBatch(torch.where(moved.view(-1, 1, 1, 1), mirrored, x), moved, share=0.5)


MIRRORED = Penalty("mirrored", "the ELBO of mirrored points", Mirrored, weight=lambda _: 1.0)
LIGHT = Penalty("light", "‖g(e(x + δ)) − g(e(x))‖²", NoisyReconstruction, weight=lambda _: 2.0)


def test_defences_of_ones_own_are_named_beside_a_preset(tmp_path: Path) -> None:
    names = (f"{__name__}:MIRRORED", f"{__name__}:LIGHT")
    settings = replace(SETTINGS, model=CONFIG.model, objective=ObjectiveConfig(defence=names))
    folder = RunFolder.create(tmp_path / "run", settings)
    model = train(folder, points())
    rows = [row for row in read_rows(folder.path / "metrics") if row["split"] == "train"]
    for row in rows:
        halves = (row["elbo_clean"] + row["elbo_attacked"]) / 2
        assert row["elbo"] == pytest.approx(halves, rel=1e-5)
        assert row["objective"] == pytest.approx(row["elbo"] - 2 * row["light"], rel=1e-5)
    assert "The defence light has weight 2:" in model_card(model.architecture, settings).text


def test_a_missing_module_and_another_object_are_named() -> None:
    for preset, message in (
        ("no_such_package:SMOOTH", "no module named 'no_such_package'"),
        (f"{__name__}:SETTINGS", "is a RunConfig, expected a seatbelt_vae.Preset"),
    ):
        with pytest.raises(ConfigError, match=message):
            resolve_objective(ObjectiveConfig(), preset, 1)
