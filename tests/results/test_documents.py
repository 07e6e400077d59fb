"""Rows of settings and documents: effective values, without local paths."""

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from seatbelt_vae.config import (
    AttackConfig,
    DataConfig,
    ModelConfig,
    ObjectiveConfig,
    RunConfig,
    TrainingConfig,
)
from seatbelt_vae.config.training import SPEED_ONLY
from seatbelt_vae.results import Store
from seatbelt_vae.results.columns import views
from seatbelt_vae.runs import RunFolder, write_json
from tests.report.synthetic import KINDS, write_suite, write_trained


def row(tmp_path: Path, config: RunConfig) -> dict[str, Any]:
    RunFolder.create(tmp_path / "run", config)
    (found,) = Store.open([tmp_path]).query("FROM runs").to_pylist()
    return dict(found)


def test_every_setting_that_changes_numbers_is_a_column() -> None:
    parts = (DataConfig, ModelConfig, ObjectiveConfig, TrainingConfig)
    named = {field.name for part in parts for field in fields(part)}
    elsewhere = {"name", "root", "validate_every"}  # `data` and `data_place`; rows of `metrics`
    assert named - set(views()["runs"]) == elsewhere | set(SPEED_ONLY)
    of_attacks = {field.name for field in fields(AttackConfig)} - set(views()["suites"])
    assert of_attacks == {"together", "micro_batch", "threads"}


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (
            RunConfig(training=TrainingConfig(epochs=3)),
            {"epochs": 3, "steps": None, "beta": 6.0, "latent_sizes": [48, 24, 12, 6]},
        ),
        (RunConfig(training=TrainingConfig(epochs=3, steps=9)), {"epochs": None, "steps": 9}),
        (
            RunConfig(model=ModelConfig("factor-vae"), objective=ObjectiveConfig(beta=2.0)),
            {"beta": 2.0, "objective": "factor", "tc_estimator": None, "free_bits": 0.0},
        ),
        (
            RunConfig(model=ModelConfig("hvae", likelihood="bernoulli", depth=2)),
            {"variance": None, "beta": 1.0, "free_bits": 0.125, "free_bits_group": "unit"},
        ),
        (
            RunConfig(model=ModelConfig("vae"), objective=ObjectiveConfig(beta=4.0)),
            {"beta": 4.0, "free_bits": None, "depth": 1, "free_bits_group": None},
        ),
        (
            RunConfig(model=ModelConfig("vae", depth=3)),
            {"depth": None, "latent_sizes": None, "top_size": None, "finished": False},
        ),
        (
            RunConfig(DataConfig("folder", "/d/c", black=10, background="white", channels=1)),
            {"black": 10.0, "white": None, "background": "white", "channels": 1}
            | {"skip_bad": False, "first_frame": False, "follow_links": False},
        ),
        (
            RunConfig(
                model=ModelConfig(filters=(8, 16), features=9, hierarchy_widths=(4, 3)),
                objective=ObjectiveConfig(kl_warm_up=3, warm_up_period=7),
                training=TrainingConfig(schedule="constant"),
            ),
            {"filters": [8, 16], "features": 9, "hierarchy_widths": [4, 3]}
            | {"schedule": "constant", "kl_warm_up": 3, "warm_up_period": 7},
        ),
        (RunConfig(DataConfig("celeba", "/d/c")), {"latent_sizes": [256, 128, 64, 32]}),
        (
            RunConfig(objective=ObjectiveConfig(defence=("denoising-adversarial",))),
            {"defence": "denoising-adversarial", "defence_radius": 0.2, "defence_steps": 1}
            | {"denoising_weight": 1.0, "coupling_source": None, "jacobian_weight": None},
        ),
        (
            RunConfig(objective=ObjectiveConfig(defence=("encoder-jacobian", "mine:OWN"))),
            {"defence": "encoder-jacobian,mine:OWN", "defence_radius": None}
            | {"jacobian_weight": 1.0, "jacobian_iterations": None},
        ),
        (RunConfig(), {"defence": None, "defence_norm": None, "denoising_weight": None}),
    ],
)
def test_settings_are_the_effective_ones(
    config: RunConfig, expected: dict[str, Any], tmp_path: Path
) -> None:
    found = row(tmp_path, config)
    assert {name: found[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("name", "root", "shown", "placed"),
    [
        ("dsprites", None, "dsprites", False),
        ("dsprites", "/d/published", "dsprites", False),
        ("mnist", "/d/mnist", "mnist", False),
        ("folder", "/d/mine", "folder", True),
        ("chairs", "/d/published", "chairs", True),
        ("hf:ylecun/mnist", None, "hf:ylecun/mnist", False),
        ("hf:/d/copy/faces", None, "hf:faces", True),
        ("hf:./faces", None, "hf:faces", True),
        ("hf:~/faces", None, "hf:faces", True),
    ],
)
def test_data_is_named_without_its_path(
    name: str, root: str | None, shown: str, placed: bool, tmp_path: Path
) -> None:
    found = row(tmp_path, RunConfig(DataConfig(name, root)))
    assert found["data"] == shown
    assert (found["data_place"] is not None) == placed
    assert not any("/d/" in str(value) or "~" in str(value) for value in found.values())


def test_data_sets_in_two_places_are_distinct(tmp_path: Path) -> None:
    for name in ("one", "two"):
        RunFolder.create(tmp_path / name, RunConfig(DataConfig("folder", f"/d/{name}")))
    found = Store.open([tmp_path]).query("SELECT DISTINCT data, data_place FROM runs")
    assert found.num_rows == 2


def test_a_suite_within_budgets_has_no_weights(tmp_path: Path) -> None:
    run = write_trained(tmp_path / "run", KINDS["vae"])
    write_suite(run, KINDS["vae"], 1, AttackConfig(loss="output", threat="linf", pairs=7))
    (run.path / "attacks" / "output-strong" / "flags.json").unlink()
    columns = "weights, weight_count, budgets, path, pairs, attacked, measured, finished"
    (found,) = Store.open([tmp_path]).query(f"SELECT {columns} FROM suites").to_pylist()
    budgets = [0.01, 0.02, 0.05, 0.1, 0.2]
    assert list(found.values()) == [None, None, budgets, "common", 7, 1, 1, False]


def test_a_measure_that_no_run_has_yet_is_a_number(tmp_path: Path) -> None:
    run = write_trained(tmp_path / "run", KINDS["vae"])
    write_json(run.path / "evaluation" / "measures.json", {"elbo": -3, "later": None})
    store = Store.open([tmp_path])
    assert store.views["evaluations"]["later"] == "DOUBLE"
    assert store.query("SELECT elbo + later AS sum, elbo FROM evaluations").to_pylist() == [
        {"sum": None, "elbo": -3.0}
    ]
