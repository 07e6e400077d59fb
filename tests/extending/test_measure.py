"""Measures declared outside the package appear in suites, views, reports and documents."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seatbelt_vae.config import AttackConfig, RunConfig, dump_toml
from seatbelt_vae.errors import ConfigError
from seatbelt_vae.evaluation import MODEL_MEASURES, PAIR_MEASURES, evaluate, measure_suite
from seatbelt_vae.evaluation.measure_input import MeasureInput
from seatbelt_vae.evaluation.measures import (
    Column,
    ModelMeasure,
    PairMeasure,
    RowTable,
    WithRows,
    register,
)
from seatbelt_vae.models import load_model, save_model
from seatbelt_vae.report import collect
from seatbelt_vae.report.tables import number, tables
from seatbelt_vae.results import Store
from seatbelt_vae.runs import (
    RunFolder,
    read_json,
    read_rows,
    read_tensors,
    write_json,
    write_rows,
    write_tensors,
)
from tests.evaluation.stand_ins import attack_rows, random_images, random_vae
from tests.evaluation.test_evaluation_folder import SETTINGS, binary_data


def _errors(evaluated: MeasureInput) -> WithRows:
    errors = (evaluated.x - evaluated.reconstruction).abs().flatten(1).mean(1)
    rows = [
        {"image": image, "error": error}
        for image, error in zip(evaluated.positions.tolist(), errors.tolist(), strict=True)
    ]
    return WithRows({"pixel_error": errors.mean().item()}, rows)


LARGEST_CHANGE = PairMeasure(
    name="largest_change",
    symbol="‖d‖∞",
    unit="pixel units",
    formula=r"\lVert d\rVert_\infty",
    definition="Largest change of a pixel within the largest budget.",
    mean="geometric",
    compute=lambda _, measured: (measured.budgets.images[-1] - measured.pair.x).abs().max().item(),
)
PIXEL_ERROR = ModelMeasure(
    name="pixel_error",
    symbol="mean |x − rec(x)|",
    better="↓",
    formula=r"\overline{\lvert x-\hat x\rvert}",
    definition="Mean absolute error of a pixel.",
    compute=_errors,
    table=RowTable(
        "pixel_errors",
        "one row per test image",
        (Column("image", "BIGINT", "position"), Column("error", "DOUBLE", "its error")),
    ),
)


@pytest.fixture(autouse=True)
def _registered() -> Iterator[None]:
    register(LARGEST_CHANGE)
    register(PIXEL_ERROR)
    yield
    del PAIR_MEASURES[LARGEST_CHANGE.name], MODEL_MEASURES[PIXEL_ERROR.name]


# no budgeted attacks are added to it
PUBLISHED = AttackConfig(strength="paper", fresh_draws=2, pairs=3)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run with a measured suite of three pairs, and an evaluation."""
    folder = RunFolder.create(tmp_path / "run", RunConfig())
    save_model(random_vae(), folder)
    suite = folder.path / "attacks" / "mine"
    suite.mkdir(parents=True)
    (suite / "config.toml").write_text(dump_toml(PUBLISHED))
    write_json(suite / "battery.json", {"pairs": [], "digest": "", "model": ""})
    for pair in range(3):
        x, target = random_images(2, seed=pair).float()
        tensors = {"x": x, "target": target, "adversarial": (x + 0.4 * (target - x))[None]}
        write_tensors(suite / f"pair-{pair:05d}.safetensors", tensors)
        rows = attack_rows(pair, 1, level_relative=1.0)
        write_rows(suite / f"pair-{pair:05d}.parquet", rows)
    measure_suite(suite, load_model(folder))
    evaluate(folder, binary_data(), SETTINGS)
    return folder.path


def shown(run: Path, name: str) -> Any:
    for table in tables(collect([run])):
        for measure, cell in zip(table.measures, table.rows[0].cells, strict=True):
            if measure.name == name:
                return cell.text
    raise AssertionError(f"no table shows {name}")


def test_a_measure_of_pairs(run: Path) -> None:
    suite = run / "attacks" / "mine"
    parts = [read_tensors(path) for path in sorted(suite.glob("budgets/*.safetensors"))]
    changes = [abs(part["adversarial"][-1] - part["x"]).max().item() for part in parts]
    assert [row["largest_change"] for row in read_rows(suite / "pairs")] == changes

    estimate = read_json(suite / "summary.json")["measures"]["largest_change"]
    mean = np.prod(changes) ** (1 / 3)
    assert estimate["value"] == pytest.approx(mean)
    assert (estimate["kind"], estimate["unit"], estimate["n"]) == ("geometric", "pixel units", 3)

    store = Store.open([run])
    found = store.query("SELECT largest_change FROM pairs ORDER BY pair").to_pylist()
    assert [row["largest_change"] for row in found] == changes
    found = store.query("SELECT value FROM summaries WHERE measure = 'largest_change'")
    assert found.to_pylist() == [{"value": pytest.approx(mean)}]
    assert shown(run, "largest_change") == number(mean)


def test_a_measure_of_a_model(run: Path) -> None:
    pictures = read_tensors(run / "evaluation" / "pictures.safetensors")
    errors = abs(pictures["x"] - pictures["reconstruction"]).mean(dim=(1, 2, 3)).tolist()
    assert len(errors) == SETTINGS.images
    store = Store.open([run])
    (row,) = store.query("SELECT pixel_error FROM evaluations").to_pylist()
    assert row["pixel_error"] == pytest.approx(np.mean(errors))
    rows = store.query("SELECT run, error FROM pixel_errors").to_pylist()
    assert [row["error"] for row in rows] == pytest.approx(errors)
    assert shown(run, "pixel_error") == number(float(np.mean(errors)))


def test_columns_are_there_before_any_row(tmp_path: Path) -> None:
    RunFolder.create(tmp_path / "new", RunConfig())
    views = Store.open([tmp_path]).views
    assert views["pairs"]["largest_change"] == views["evaluations"]["pixel_error"] == "DOUBLE"
    assert list(views["pixel_errors"]) == ["run", "image", "error"]


def test_a_name_that_is_taken_is_refused() -> None:
    with pytest.raises(ConfigError, match="a measure 'largest_change' exists already"):
        register(LARGEST_CHANGE)
