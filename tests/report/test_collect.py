"""Reading run folders: corrupt files are named, equal names become distinct."""

from pathlib import Path

import pytest

from seatbelt_vae.config import AttackConfig
from seatbelt_vae.errors import ArtifactError
from seatbelt_vae.report import collect
from seatbelt_vae.report.collect import leading_suite
from seatbelt_vae.runs import read_json, read_rows, write_json, write_rows
from tests.report.synthetic import KINDS, write_evaluation, write_suite, write_trained

SUITE = "attacks/latent-kl-strong"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = write_trained(tmp_path / "run", KINDS["seatbelt"])
    write_suite(folder, KINDS["seatbelt"], 2)
    write_evaluation(folder, KINDS["seatbelt"])
    return folder.path


@pytest.mark.parametrize(
    "name",
    [
        "run.json",
        "config.toml",
        "model.json",
        "metrics/part-000002000.parquet",
        f"{SUITE}/config.toml",
        f"{SUITE}/suite.json",
        f"{SUITE}/flags.json",
        f"{SUITE}/summary.json",
        f"{SUITE}/pair-00001.parquet",
        f"{SUITE}/measures/pair-00001.parquet",
        f"{SUITE}/budgets/pair-00001.parquet",
        f"{SUITE}/pairs/pair-00001.parquet",
        f"{SUITE}/budgets/pair-00001.safetensors",
        "evaluation/measures.json",
        "evaluation/sigma.parquet",
        "evaluation/pictures.safetensors",
    ],
)
def test_a_truncated_file_is_an_error_that_names_it(run: Path, name: str) -> None:
    content = (run / name).read_bytes()
    # a TOML file cut between two lines would still be one
    cut = content.index(b"=", len(content) // 2) if name.endswith("toml") else len(content) // 2
    (run / name).write_bytes(content[: cut + 1])
    with pytest.raises(ArtifactError) as raised:
        collect([run])
    assert str(run / name) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_missing_columns_of_another_version_are_named(run: Path) -> None:
    part = run / SUITE / "budgets" / "pair-00000.parquet"
    rows = read_rows(part)
    write_rows(part, [{"pair": row["pair"]} for row in rows])
    with pytest.raises(ArtifactError, match=r"budgets lacks how, told_apart, epsilon, gap"):
        collect([run])
    write_rows(part, rows)
    write_json(run / "evaluation" / "measures.json", [1])
    with pytest.raises(ArtifactError, match=r"measures\.json holds no table"):
        collect([run])


def test_a_folder_without_a_run_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="not a run folder"):
        collect([tmp_path])


def test_runs_that_share_a_name_get_their_parents_and_the_same_run_twice_is_an_error(
    tmp_path: Path,
) -> None:
    paths = [write_trained(tmp_path / a / "vae", KINDS["vae"]).path for a in "ab"]
    assert [run.name for run in collect(paths)] == ["a/vae", "b/vae"]
    assert [run.name for run in collect(paths[:1])] == ["vae"]
    with pytest.raises(ArtifactError, match="same run folder"):
        collect([paths[0], paths[0]])


def test_the_strong_suite_is_main_unless_more_runs_have_another(tmp_path: Path) -> None:
    first = write_trained(tmp_path / "first", KINDS["vae"])
    second = write_trained(tmp_path / "second", KINDS["vae"])
    assert leading_suite(collect([first.path, second.path])) is None
    paper = AttackConfig(strength="paper", pairs=2)
    write_suite(first, KINDS["vae"], 2, paper)
    write_suite(first, KINDS["vae"], 2)
    assert leading_suite(collect([first.path, second.path])) == "latent-kl-strong"
    write_suite(second, KINDS["vae"], 2, paper)
    assert leading_suite(collect([first.path, second.path])) == "latent-kl-paper"


def test_stored_values_arrive_unchanged(run: Path) -> None:
    (found,) = collect([run])
    suite = found.suites["latent-kl-strong"]
    assert suite.measured is not None
    stored = read_json(run / SUITE / "summary.json")["measures"]["gap@0.2"]
    assert suite.measured.estimate("gap@0.2") == stored
    assert suite.measured.estimate("unknown")["value"] is None
    assert suite.pairs_attacked == 2
    assert found.weights is not None
    assert len(found.weights) == 16
