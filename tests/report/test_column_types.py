"""Columns of other types than expected end a report with one line that names file and column."""

import json
from pathlib import Path
from typing import Any

import pytest

from seatbelt_vae.errors import ArtifactError
from seatbelt_vae.report import write_report
from seatbelt_vae.results import Store
from seatbelt_vae.runs import read_rows, write_rows

from .synthetic import write_demo

SUITE = "vae/attacks/latent-kl-strong"
BUDGETS, PAIRS, MEASURES = (f"{SUITE}/{kind}" for kind in ("budgets", "pairs", "measures"))


@pytest.mark.parametrize(
    ("place", "column", "value", "named"),
    [
        (BUDGETS, "pair", "x", "pair is 'x', expected a whole number"),
        (BUDGETS, "pair", -1, "has 0 rows of pair 0, expected one per stored image"),
        (BUDGETS, "epsilon", None, "epsilon is 'None', expected a number"),
        (BUDGETS, "gap", b"\xff", "expected a number"),
        (BUDGETS, "told_apart", "yes", "told_apart is 'yes', expected true or false"),
        (PAIRS, "pair", float("inf"), "pair is 'inf', expected a whole number"),
        (PAIRS, "gap@0.2", float("nan"), "gap@0.2 is 'nan', expected a finite number"),
        (MEASURES, "distance_relative", b"x", "distance_relative is \"b'x'\", expected a number"),
        (MEASURES, "distortion", [1.0], "distortion is '[1.0]', expected a number"),
        (SUITE, "level_relative", float("inf"), "level_relative is 'inf', expected a finite"),
        ("vae/metrics", "step", "x", "step is 'x', expected a whole number"),
        ("vae/metrics", "elbo", None, "elbo is 'None', expected a number"),
        ("vae/evaluation", "sigma_norm", 1.0, "sigma_norm is '1.0', expected a list"),
        ("vae/evaluation", "sigma_norm", [], "sigma_norm has 0 values, expected 1"),
        ("vae/evaluation", "sigma_norm", ["x"], "expected a list, each a number"),
    ],
)
def test_a_column_of_another_type(
    tmp_path: Path, place: str, column: str, value: object, named: str
) -> None:
    write_demo(tmp_path, 1, ["vae"])
    path = next((tmp_path / place).glob("*.parquet"))
    write_rows(path, [{**row, column: value} for row in read_rows(path)])
    message = refused(tmp_path)
    assert named in message
    if "stored image" not in named:
        assert message.startswith(f"{path}: ")


@pytest.mark.parametrize(
    ("file", "change", "named"),
    [
        ("vae/model.json", {"latent_sizes": "x"}, "latent_sizes is 'x', expected a list"),
        ("vae/model.json", {"bounds": [0.0]}, "bounds of its model are [0.0], expected two"),
        ("vae/evaluation/measures.json", {"elbo": "x"}, "elbo is 'x', expected a number"),
        ("vae/evaluation/measures.json", {"total_correlation": {}}, "total_correlation is '{}'"),
        (f"{SUITE}/summary.json", {"measures": {"gap@0.2": {}}}, "lacks value, low, high"),
        (f"{SUITE}/suite.json", {"digest": None}, "digest is 'None', expected text"),
    ],
)
def test_a_document_with_another_value(
    tmp_path: Path, file: str, change: dict[str, Any], named: str
) -> None:
    write_demo(tmp_path, 1, ["vae"])
    path = tmp_path / file
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    message = refused(tmp_path)
    assert named in message
    assert str(path.parent) in message
    if "model.json" in file and "latent_sizes" in change:
        with pytest.raises(ArtifactError, match="latent_sizes is 'x', expected a list"):
            Store.open([tmp_path]).query("FROM runs")


def refused(place: Path) -> str:
    with pytest.raises(ArtifactError) as caught:
        write_report([place / "vae"], place / "report.html")
    assert "\n" not in str(caught.value)
    return str(caught.value)
