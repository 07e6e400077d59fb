"""Columns of other types than expected end a report with one line that names file and column."""

from pathlib import Path

import pytest

from seatbelt_vae.errors import ArtifactError
from seatbelt_vae.report import write_report
from seatbelt_vae.runs import read_rows, write_rows

from .synthetic import write_demo

SUITE = "vae/attacks/latent-kl-strong"


@pytest.mark.parametrize(
    ("kind", "column", "value", "named"),
    [
        ("budgets", "pair", "x", "pair is 'x', expected a finite number"),
        ("budgets", "pair", -1, "has 0 rows of pair 0, expected one per stored image"),
        ("pairs", "pair", float("inf"), "pair is 'inf', expected a finite number"),
        ("budgets", "epsilon", None, "epsilon is 'None', expected a finite number"),
        ("budgets", "gap", b"\xff", "expected a number or null"),
        ("measures", "distortion", [1.0], "distortion is '[1.0]', expected a number or null"),
    ],
)
def test_a_column_of_another_type(
    tmp_path: Path, kind: str, column: str, value: object, named: str
) -> None:
    write_demo(tmp_path, 2, ["vae"])
    path = next((tmp_path / SUITE / kind).glob("*00000.parquet"))
    write_rows(path, [{**row, column: value} for row in read_rows(path)])
    with pytest.raises(ArtifactError) as caught:
        write_report([tmp_path / "vae"], tmp_path / "report.html")
    assert named in str(caught.value)
