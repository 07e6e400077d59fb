"""Finding and naming run folders."""

from pathlib import Path

import pytest

from seatbelt_vae.config import RunConfig
from seatbelt_vae.errors import ArtifactError
from seatbelt_vae.results import Store
from seatbelt_vae.results.discovery import find
from seatbelt_vae.runs import RunFolder, write_rows

from .conftest import HOSTILE


def make(*paths: Path) -> None:
    for path in paths:
        RunFolder.create(path, RunConfig())


def names(*folders: Path) -> list[str]:
    return [run.name for run in find(folders).runs]


def test_a_run_is_named_by_its_path_below_the_folder(tmp_path: Path) -> None:
    make(tmp_path / "b", tmp_path / "a" / "x", tmp_path / "a" / HOSTILE)
    assert names(tmp_path) == [f"a/{HOSTILE}", "a/x", "b"]
    assert names(tmp_path / "a") == [HOSTILE, "x"]
    assert names(tmp_path / "a" / "x", tmp_path / "b") == ["x", "b"]


def test_runs_of_one_name_get_their_parents(tmp_path: Path) -> None:
    make(*(tmp_path / one / two / "run" for one in "ab" for two in "cd"), tmp_path / "e" / "run")
    given = [tmp_path / place / "run" for place in ("a/c", "b/c", "e")]
    assert names(*given) == ["a/c/run", "b/c/run", "e/run"]
    assert names(tmp_path / "a", tmp_path / "b") == ["a/c/run", "a/d/run", "b/c/run", "b/d/run"]


def test_a_run_found_twice_is_there_once(tmp_path: Path) -> None:
    make(tmp_path / "a" / "x")
    (tmp_path / "link").symlink_to(tmp_path / "a" / "x")
    assert names(tmp_path / "a", tmp_path, tmp_path / "a" / "x") == ["x"]
    assert names(tmp_path, tmp_path / "a") == ["a/x"]
    assert names(tmp_path / "a" / ".." / "link") == ["x"]


def test_unfinished_folders_and_subfolders_of_runs_are_no_runs(tmp_path: Path) -> None:
    make(tmp_path / "x", tmp_path / ".y.12.tmp", tmp_path / "x" / "attacks" / "z")
    assert names(tmp_path) == ["x"]


def test_rows_belong_to_their_run_for_any_name(tmp_path: Path) -> None:
    bases = [tmp_path / "attacks" / "evaluation", tmp_path / f"{HOSTILE}\nmetrics"]
    paths = [base / name for base in bases for name in ("metrics", f"{HOSTILE}/attacks/a\nb")]
    make(*paths)
    for number, path in enumerate(paths):
        write_rows(path / "metrics" / "part-000000001.parquet", [{"step": number}])
    for given in ([tmp_path], bases, paths):
        expected = {run.name: paths.index(run.path) for run in find(given).runs}
        found = Store.open(given).query("SELECT run, step FROM metrics").to_pylist()
        assert {row["run"]: row["step"] for row in found} == expected


def test_names_are_not_glob_patterns(tmp_path: Path) -> None:
    names = ["x1", "x[1]", "x2", "x?", "y", "[y]", "*"]
    for number, name in enumerate(names):
        make(tmp_path / name)
        write_rows(tmp_path / name / "metrics" / "part-000000001.parquet", [{"step": number}])
    found = Store.open([tmp_path]).query("SELECT run, step FROM metrics").to_pylist()
    assert sorted((row["step"], row["run"]) for row in found) == list(enumerate(names))


def test_names_are_not_hive_partitions(tmp_path: Path) -> None:
    for number in (1, 2):
        place = tmp_path / f"step={number}0" / "seed=0"
        make(place)
        write_rows(place / "metrics" / "part-000000001.parquet", [{"step": number}])
    found = Store.open([tmp_path]).query("SELECT run, step FROM metrics ORDER BY step").to_pylist()
    assert [list(row.values()) for row in found] == [["step=10/seed=0", 1], ["step=20/seed=0", 2]]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("nowhere", "no such file or folder: nowhere; check the path"),
        ("SELECT 1", "no such folder: SELECT 1; if this is the SQL, give it before --runs"),
        (".", "no run in .: expected run folders, made by `train` or `sweep`"),
        (None, "no run in no folder: expected run folders"),
    ],
)
def test_a_folder_without_runs_is_an_error(
    given: str | None, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ArtifactError) as raised:
        find([] if given is None else [Path(given)])
    assert str(raised.value).startswith(message)


def test_a_name_of_invalid_unicode_is_an_error(tmp_path: Path) -> None:
    make(tmp_path / "caf\udce9")
    with pytest.raises(ArtifactError, match=r"caf\? has a name that is not valid Unicode"):
        Store.open([tmp_path])


def test_a_file_with_the_name_of_another_view_is_an_error(tmp_path: Path) -> None:
    make(tmp_path / "x")
    write_rows(tmp_path / "x" / "evaluation" / "Runs.parquet", [{"a": 1}])
    with pytest.raises(ArtifactError, match=r"Runs\.parquet has the name of the view of all runs"):
        Store.open([tmp_path])
