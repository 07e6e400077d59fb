"""An exported store gives the same rows, and is written atomically."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from seatbelt_vae.errors import ArtifactError, QueryError
from seatbelt_vae.results import Store, identifier
from seatbelt_vae.results.documents import DOCUMENTS
from seatbelt_vae.runs import read_json, write_json, write_rows
from tests.report.synthetic import KINDS, write_trained

ASKED = [
    "SELECT run, suite, median(gap), max(level) FROM attacks GROUP BY ALL ORDER BY ALL",
    "SELECT run, beta, elbo, iou FROM runs JOIN evaluations USING (run) ORDER BY run",
    "SELECT run, suite, list(name ORDER BY name) FROM flags WHERE raised GROUP BY ALL",
    "SELECT run, split, count(*), max(step) FROM metrics GROUP BY ALL ORDER BY ALL",
    "SELECT * FROM extras",
]


@pytest.fixture(scope="module")
def exported(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The study as one folder."""
    place = tmp_path_factory.mktemp("export") / "it's [all]"
    store.export(place)
    return place


def rows(store: Store, view: str) -> list[str]:
    found = store.query(f"SELECT * FROM {identifier(view)}").to_pylist()
    return sorted(json.dumps(row) for row in found)


def test_an_export_gives_the_rows_of_the_runs(store: Store, exported: Path) -> None:
    again = Store.open([exported])
    assert again.views == store.views
    for view in store.views:
        assert rows(again, view) == rows(store, view), view
    for sql in ASKED:
        assert again.query(sql).equals(store.query(sql)), sql


def test_a_column_that_an_older_export_lacks_is_null(exported: Path, tmp_path: Path) -> None:
    old = shutil.copytree(exported, tmp_path / "old")
    attacks = pq.read_table(old / "attacks.parquet")
    pq.write_table(attacks.drop_columns("target_distance"), old / "attacks.parquet")
    sql = "SELECT count(*) AS rows, count(target_distance) AS known FROM attacks"
    assert Store.open([old]).query(sql).to_pylist() == [{"rows": len(attacks), "known": 0}]


def test_one_compact_file_per_view_without_local_paths(
    store: Store, study: Path, exported: Path
) -> None:
    files = {path.name for path in exported.iterdir()}
    assert files == {"store.json", *(f"{view}.parquet" for view in store.views)}
    for path in exported.glob("*.parquet"):
        about = pq.ParquetFile(path)
        assert about.num_row_groups <= 1
        groups = about.metadata.row_group(0) if about.num_row_groups else None
        if groups is not None:
            assert {groups.column(k).compression for k in range(groups.num_columns)} == {"ZSTD"}
        text = json.dumps(about.read().to_pylist())
        assert str(study) not in text
        assert study.name not in text


def test_an_export_of_an_export_is_the_same_bytes(exported: Path, tmp_path: Path) -> None:
    Store.open([exported]).export(tmp_path / "again")
    for path in exported.iterdir():
        assert (tmp_path / "again" / path.name).read_bytes() == path.read_bytes(), path.name


def test_an_export_joins_runs_that_were_not_exported(exported: Path, tmp_path: Path) -> None:
    write_trained(tmp_path / "new", KINDS["vae"])
    both = Store.open([exported, tmp_path])
    assert both.query("SELECT count(*) AS n FROM runs")["n"].to_pylist() == [6]
    steps = both.query("SELECT run, max(step) AS last FROM metrics GROUP BY run").to_pylist()
    assert {row["run"]: row["last"] for row in steps}["new"] == 1997
    for view in DOCUMENTS:
        assert set(both.views[view]) == set(Store.open([exported]).views[view])


def test_a_run_that_occurs_twice_is_an_error(study: Path, exported: Path) -> None:
    with pytest.raises(
        ArtifactError, match="5 runs occur twice, in an exported store and elsewhere, such as begun"
    ):
        Store.open([exported, study])


def test_columns_of_other_types_are_an_error(exported: Path, study: Path, tmp_path: Path) -> None:
    new = shutil.copytree(study / "vae", tmp_path / "new")
    measures = new / "evaluation" / "measures.json"
    write_json(measures, {**read_json(measures), "extra": ["a"]})
    write_rows(new / "evaluation" / "extras.parquet", [{"image": [1]}])
    both = Store.open([exported, new])
    assert (
        both.query("SELECT count(*) AS n FROM evaluations WHERE extra IS NULL")["n"][0].as_py() == 5
    )
    with pytest.raises(QueryError) as raised:
        both.query("FROM extras")
    assert "\n" not in str(raised.value)
    Store.open([new]).export(tmp_path / "export of new")
    write_json(measures, {**read_json(measures), "extra": 3})
    other = new.rename(tmp_path / "other")
    with pytest.raises(ArtifactError, match="has other column types than the other runs"):
        Store.open([tmp_path / "export of new", other]).query("FROM evaluations")


def test_existing_files_are_not_overwritten(store: Store, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(ArtifactError, match="exists and is not empty"):
        store.export(tmp_path)
    with pytest.raises(ArtifactError, match="exists and is not empty"):
        store.export(tmp_path / "thesis.tex")
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_full_disk_leaves_nothing(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ArtifactError, match="cannot write"):
        store.export(tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", ['{"format": 99}', "[]", '{"format": null}'])
def test_a_store_of_another_version_is_refused(content: str, tmp_path: Path) -> None:
    (tmp_path / "store.json").write_text(content)
    with pytest.raises(ArtifactError, match=r"is a results store of format .*, this version reads"):
        Store.open([tmp_path])


@pytest.mark.parametrize("view", ["runs", "pairs", "flags"])
def test_a_cut_file_is_named(view: str, store: Store, tmp_path: Path) -> None:
    store.export(tmp_path / "out")
    path = tmp_path / "out" / f"{view}.parquet"
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(ArtifactError) as raised:
        Store.open([tmp_path / "out"]).query(f"SELECT count(*) FROM {view}")
    assert str(path) in str(raised.value)


def test_many_rows_are_written_in_large_groups(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from seatbelt_vae.results import exports

    monkeypatch.setattr(exports, "_GROUP", 100)
    table = pa.table({"run": ["a"] * 1000, "x": list(range(1000))})
    batches: Any = pa.RecordBatchReader.from_batches(table.schema, table.to_batches(30))
    exports.write_store(tmp_path / "out", [("x", batches)])
    about = pq.ParquetFile(tmp_path / "out" / "x.parquet")
    assert about.read().equals(table)
    assert about.num_row_groups == 9
