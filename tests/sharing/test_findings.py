"""A card's findings are the report's: the stored numbers, their units, every flag."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from seatbelt_vae.attacks import FLAGS
from seatbelt_vae.models.card import CardTable
from seatbelt_vae.report import collect
from seatbelt_vae.report.tables import number
from seatbelt_vae.runs import read_json
from seatbelt_vae.sharing import findings
from tests.report.synthetic import KINDS, write_demo, write_suite, write_trained


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with 12 attacked and measured pairs, one flag raised."""
    (made,) = write_demo(tmp_path_factory.mktemp("runs"), pairs=12, names=["beta-tcvae"])
    return made.path


@pytest.fixture(scope="module")
def found(run: Path) -> dict[str, Any]:
    """The findings on its card."""
    return findings(*collect([run]))


def _row(tables: list[CardTable], label: str) -> list[str]:
    (row,) = [row for table in tables for row in table.rows if row[0] == label]
    return list(row)


@pytest.mark.parametrize(
    ("label", "measure", "unit", "better"),
    [
        ("gap at ε = 0.2", "gap@0.2", "1", "↑"),
        ("blend at ε = 0.3", "blend_gap@0.3", "1", "↑"),
        ("Δ / bound", "delta_over_bound", "1", "↑"),
        ("AUDDC, worst", "auddc_worst", "1", "↑"),
        ("−log p(xₜ|z*)", "nll_target", "nats", "↑"),
    ],
)
def test_a_measure_is_the_summarys_with_its_interval(
    label: str, measure: str, unit: str, better: str, run: Path, found: dict[str, Any]
) -> None:
    stored = read_json(run / "attacks/latent-kl-strong/summary.json")["measures"][measure]
    interval = f"{number(stored['low'])} … {number(stored['high'])}"
    expected = [label, number(stored["value"]), interval, unit, better]
    assert _row(found["measures"], label) == expected


@pytest.mark.parametrize(
    ("label", "measure", "unit"),
    [
        ("ELBO, β = 1", "elbo", "nats per image"),
        ("unexplained variance", "unexplained_variance", "1"),
    ],
)
def test_measures_of_the_evaluation_are_the_stored_ones(
    label: str, measure: str, unit: str, run: Path, found: dict[str, Any]
) -> None:
    stored = read_json(run / "evaluation/measures.json")[measure]
    assert _row(found["measures"], label)[:4] == [label, number(stored), "", unit]


def test_every_measure_is_explained(found: dict[str, Any]) -> None:
    for table in found["measures"]:
        terms = [term for term, _ in table.notes]
        for row in table.rows:
            assert row[0] in terms or row[0].split(" = ")[0] in terms


def test_every_flag_is_there_with_its_meaning(found: dict[str, Any]) -> None:
    (table,) = found["flags"]
    assert [row[0] for row in table.rows] == list(FLAGS)
    for name, state, figure, raised_if, means, do in table.rows:
        assert state == ("RAISED" if name == "not converged" else "clear")
        assert figure == "0 of 9"
        assert (raised_if, means, do) == (FLAGS[name].raised_if, FLAGS[name].means, FLAGS[name].do)


def test_the_verdict_comes_first_with_its_reliability(found: dict[str, Any]) -> None:
    verdict, trust = found["findings"]
    assert verdict.startswith("Fooled: with a distortion 20\u00a0% as large as the difference")
    assert trust == (
        "Measured on 12 pairs of held-out images, suite latent-kl-strong. Reliability, by the "
        "validity flags: unreliable: 1 flag."
    )


def test_a_run_that_was_not_attacked_claims_nothing(tmp_path: Path) -> None:
    run = write_trained(tmp_path / "run", KINDS["vae"])
    found = findings(*collect([run.path]))
    assert found["findings"] == ["Robustness is unknown: not attacked yet."]
    assert found["measures"] == found["flags"] == []


def test_each_suite_has_tables_of_its_own(tmp_path: Path) -> None:
    run = write_trained(tmp_path / "run", KINDS["vae"])
    (only,) = collect([run.path])
    suite = write_suite(run, KINDS["vae"], 3)
    suite.rename(suite.parent / "second")
    write_suite(run, KINDS["vae"], 3)
    (both,) = collect([run.path])
    titles = [table.title for table in findings(both)["measures"]]
    assert len(titles) == len(set(titles)) == 8
    assert len(findings(both)["flags"]) == 2
    assert findings(only)["flags"] == []


def test_the_data_set_is_described_with_its_licence(
    run: Path, found: dict[str, Any], tmp_path: Path
) -> None:
    assert found["data"][0].startswith("737,280 binary 64×64 images")
    assert "Apache 2.0" in found["data"][1]
    config = shutil.copytree(run, tmp_path / "run") / "config.toml"
    config.write_text(config.read_text().replace('"dsprites"', '"mine"'))
    (unknown,) = collect([config.parent])
    assert findings(unknown)["data"] == ["This version has no description of the data set."]
