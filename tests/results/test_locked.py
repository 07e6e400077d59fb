"""Queries read only the runs, and change nothing."""

from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from syrupy.assertion import SnapshotAssertion

from seatbelt_vae.errors import QueryError
from seatbelt_vae.results import Store, connection
from seatbelt_vae.results.connection import answer, locked

WRITES = [
    "COPY runs TO '{out}'",
    "COPY (SELECT 1) TO '{out}' (FORMAT parquet)",
    "EXPORT DATABASE '{out}'",
    "ATTACH '{out}'",
    "CREATE TABLE t AS SELECT 1",
    "INSERT INTO runs SELECT * FROM runs",
    "DELETE FROM flags",
    "DROP VIEW runs",
    "WITH gone AS (DELETE FROM runs RETURNING *) SELECT * FROM gone",
    "INSTALL httpfs",
    "LOAD httpfs",
    "SET enable_external_access = true",
    "RESET lock_configuration",
    "PRAGMA enable_logging",
    "BEGIN",
    "SELECT 1; COPY (SELECT 2) TO '{out}'",
    "EXPLAIN ANALYZE COPY (SELECT 1) TO '{out}'",
    "PREPARE p AS COPY (SELECT 1) TO '{out}'",
    "CALL pragma_version()",
    "IMPORT DATABASE '{out}'",
]
READS = [
    "FROM '/etc/passwd'",
    "FROM read_text('/etc/passwd')",
    "FROM read_blob('{run}/run.json')",
    "FROM read_csv('/etc/passwd')",
    "FROM read_parquet('/etc/passwd')",
    "FROM read_parquet('{run}/../../../../../../../../etc/passwd')",
    "FROM read_json('{run}/evaluation/measures.json')",
    "FROM read_parquet('{run}/metrics/*.parquet')",
    "FROM glob('/etc/*')",
    "FROM glob('{run}/*')",
    "FROM 'https://example.com/x.parquet'",
    "FROM query('FROM read_text(''/etc/passwd'')')",
]


@pytest.mark.parametrize("sql", WRITES)
def test_nothing_is_written(sql: str, store: Store, study: Path, tmp_path: Path) -> None:
    before = _all_files(study)
    with pytest.raises(QueryError) as raised:
        store.query(sql.format(out=tmp_path / "out"))
    assert "\n" not in str(raised.value)
    assert list(tmp_path.iterdir()) == []
    assert _all_files(study) == before
    assert store.query("SELECT count(*) AS n FROM runs")["n"].to_pylist() == [5]


@pytest.mark.parametrize("sql", READS)
def test_no_other_file_is_read(sql: str, store: Store, study: Path) -> None:
    with pytest.raises(QueryError) as raised:
        store.query(sql.format(run=study / "vae"))
    assert "\n" not in str(raised.value)


def test_a_table_is_never_a_variable(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "held", pa.table({"a": [1]}), raising=False)
    with pytest.raises(QueryError, match="no view 'held'"):
        store.query("FROM held")


def test_the_lock_cannot_be_opened(tmp_path: Path) -> None:
    held = locked(tmp_path)
    for setting in ("enable_external_access = true", "lock_configuration = false", "threads = 1"):
        with pytest.raises(duckdb.Error, match="Cannot change configuration option"):
            held.execute(f"SET {setting}")


def test_a_select_that_deletes_is_refused_even_where_there_is_a_table(tmp_path: Path) -> None:
    held = locked(tmp_path)
    held.execute("CREATE TABLE kept AS SELECT 1 AS one")
    gone = "WITH gone AS (DELETE FROM kept RETURNING *) FROM gone"
    with (
        pytest.raises(QueryError, match="read-only"),
        answer(held, gone, [], []) as batches,
    ):
        batches.read_all()
    with answer(held, "FROM kept", [], []) as batches:
        assert batches.read_all().to_pylist() == [{"one": 1}]


@pytest.mark.parametrize(
    "sql",
    [
        "",
        "-- only a remark",
        "SELEC run FROM runs",
        "SELECT run FROM runs WHERE",
        "SELECT run FROM rnus",
        "SELECT elboo FROM evaluations",
        "SELECT e.elboo FROM evaluations AS e",
        "SELECT run FROM runs JOIN evaluations ON true",
        "SELECT run + 1 FROM runs",
        "SELECT meen(elbo) FROM evaluations",
        "SELECT run::INT FROM runs ORDER BY run",
        "SELECT 'open FROM runs",
        "PIVOT flags ON raised USING count(*) GROUP BY run",
    ],
)
def test_sql_errors_are_one_line(sql: str, store: Store, snapshot: SnapshotAssertion) -> None:
    with pytest.raises(QueryError) as raised:
        store.query(sql)
    assert "\n" not in str(raised.value)
    assert str(raised.value) == snapshot


@pytest.mark.parametrize(
    ("sql", "rows"),
    [
        ("FROM runs", 5),
        ("TABLE runs", 5),
        ("VALUES (1), (2)", 2),
        ("WITH few AS (FROM runs LIMIT 2) SELECT run FROM few", 2),
        ("SHOW TABLES", 25),
        ("SELECT DISTINCT table_name FROM information_schema.tables", 25),
        ("DESCRIBE sigma", 4),
        ("SUMMARIZE units", 5),
        ("SELECT run FROM runs;", 5),
        ("FROM attacks WHERE run = 'nobody''s'", 0),
        ("PIVOT flags ON raised IN (true, false) USING count(*) GROUP BY run", 4),
    ],
)
def test_every_kind_of_select_is_answered(sql: str, rows: int, store: Store) -> None:
    assert store.query(sql).num_rows == rows


def test_an_error_leaves_the_connection_usable(store: Store) -> None:
    for sql in ("SELECT run::INT FROM runs", "SELECT nothing", "SELEC"):
        with pytest.raises(QueryError):
            store.query(sql)
        assert store.query("SELECT 1 AS one").to_pylist() == [{"one": 1}]


def _all_files(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_size for path in folder.rglob("*")}
