"""No kind of statement writes a file or reads one outside the views, at any depth of the SQL."""

import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import duckdb
import pytest

from seatbelt_vae.errors import QueryError
from seatbelt_vae.results import Store, literal
from seatbelt_vae.results.connection import locked
from tests.report.synthetic import KINDS, write_suite, write_trained

SECRET = "secret-93841"
PART = "run/attacks/latent-kl-strong/pair-00000.parquet"

# {out} is a new file, {part} a file of the suite, {secret} a file outside of the runs
STATEMENTS = {
    "SELECT": ["SELECT * FROM read_text('{secret}')", "FROM '{secret}'", "FROM glob('{secret}*')"],
    "INSERT": ["INSERT INTO flags SELECT * FROM flags", "INSERT INTO t VALUES (1) RETURNING *"],
    "UPDATE": ["UPDATE t SET a = 2", "UPDATE runs SET run = 'x' RETURNING *"],
    "DELETE": ["DELETE FROM t RETURNING *", "TRUNCATE t"],
    "MERGE_INTO": ["MERGE INTO t USING (SELECT 1 AS a) AS s USING (a) WHEN MATCHED THEN DELETE"],
    "CREATE": [
        "CREATE TABLE u AS SELECT 1 AS a",
        "CREATE VIEW v AS SELECT * FROM read_text('{secret}')",
        "CREATE MACRO m() AS TABLE SELECT * FROM read_text('{secret}')",
        "CREATE SECRET s (TYPE http, BEARER_TOKEN 'x')",
        "CREATE PERSISTENT SECRET s (TYPE http, BEARER_TOKEN 'x')",
        "CREATE TYPE mood AS ENUM ('good')",
    ],
    "CREATE_FUNC": ["CREATE FUNCTION f(a) AS a + 1"],
    "ALTER": ["ALTER TABLE t RENAME TO u"],
    "DROP": ["DROP VIEW runs", "DROP TABLE t"],
    "COPY": [
        "COPY (SELECT 1 AS a) TO '{out}'",
        "COPY (SELECT 1 AS a) TO '{part}' (FORMAT parquet, USE_TMP_FILE false)",
        "COPY (SELECT 1 AS a) TO '{part}' (FORMAT csv, OVERWRITE_OR_IGNORE)",
        "COPY (SELECT 1 AS a) TO '.tmp/new.csv'",
        "COPY (SELECT 1 AS a, 2 AS b) TO '{out}' (FORMAT parquet, PARTITION_BY a)",
        "COPY t FROM '{secret}'",
    ],
    "EXPORT": ["EXPORT DATABASE '{out}'", "IMPORT DATABASE '{secret}'"],
    "COPY_DATABASE": ["COPY FROM DATABASE memory TO other"],
    "ATTACH": ["ATTACH '{out}' AS other", "ATTACH '{part}' AS other"],
    "DETACH": ["DETACH memory"],
    "LOAD": ["LOAD httpfs", "LOAD '{secret}'", "INSTALL httpfs", "FORCE INSTALL httpfs"],
    "EXTENSION": ["UPDATE EXTENSIONS"],
    "SET": [
        "SET VARIABLE a = (SELECT content FROM read_text('{secret}'))",
        "SET GLOBAL threads = 2",
    ],
    "VARIABLE_SET": [
        "SET temp_directory = '{out}'",
        "SET lock_configuration = false",
        "SET enable_external_access = true",
        "SET allowed_paths = ['{secret}']",
        "RESET enable_external_access",
    ],
    "PRAGMA": [
        "PRAGMA enable_logging",
        "PRAGMA profiling_output = '{out}'",
        "PRAGMA database_list",
    ],
    "CALL": [
        "CALL enable_logging(storage = 'file', storage_path = '{out}')",
        "CALL enable_profiling(format = 'json', save_location = '{out}')",
        "CALL checkpoint()",
    ],
    "TRANSACTION": ["BEGIN", "COMMIT", "ROLLBACK"],
    "VACUUM": ["VACUUM", "CHECKPOINT"],
    "ANALYZE": ["ANALYZE"],
    "EXPLAIN": ["EXPLAIN SELECT 1", "EXPLAIN ANALYZE COPY (SELECT 1) TO '{out}'"],
    "PREPARE": ["PREPARE p AS COPY (SELECT 1) TO '{out}'"],
    "EXECUTE": ["EXECUTE p"],
    "MULTI": ["PIVOT t ON a USING count(*)"],
}
NOT_IN_SQL = {"INVALID", "RELATION", "LOGICAL_PLAN"}
NESTED = [
    "{}",
    "WITH x AS ({}) SELECT * FROM x",
    "WITH x AS ({}) SELECT 1",
    "WITH RECURSIVE x AS ({}) SELECT * FROM x",
    "WITH x AS MATERIALIZED ({}) FROM x",
    "WITH y AS (WITH x AS ({}) SELECT 1) SELECT 1",
    "SELECT * FROM ({})",
    "SELECT * FROM (WITH x AS ({}) SELECT * FROM x)",
    "SELECT ({})",
    "SELECT 1 WHERE EXISTS ({})",
    "SELECT 1 UNION ALL ({})",
    "FROM (PIVOT ({}) ON a IN (1) USING count(*))",
    "EXPLAIN {}",
    "EXPLAIN ANALYZE {}",
    "DESCRIBE {}",
    "SUMMARIZE {}",
    "PREPARE q AS {}",
    "CREATE VIEW w AS {}",
    "CREATE MACRO n() AS TABLE {}",
    "SELECT 1; {}",
    "COPY ({}) TO '{{out}}'",
    "EXECUTE IMMEDIATE '{}'",
]
AS_TEXT = [
    "FROM query({})",
    "FROM json_execute_serialized_sql(json_serialize_sql({}))",
    "PRAGMA json_execute_serialized_sql({})",
    "SELECT * FROM query_table({})",
]


class Place:
    """A folder of runs with files around it, and the SQL of this module with its paths."""

    def __init__(self, root: Path) -> None:
        self.root = root
        suite = write_suite(write_trained(root / "runs" / "run", KINDS["vae"]), KINDS["vae"], 1)
        assert (root / "runs" / PART).parent == suite
        for folder in ("home", "cwd/.tmp", "tmp"):
            (root / folder).mkdir(parents=True)
        (root / "secret.csv").write_text(f"a\n{SECRET}\n")
        self.paths = {
            "out": root / "out",
            "part": root / "runs" / PART,
            "secret": root / "secret.csv",
        }
        self.before = self.files()

    def files(self) -> dict[Path, bytes]:
        """Every file but those of the spill folder."""
        spill = self.root / "tmp"
        found = (path for path in self.root.rglob("*") if path.is_file())
        return {path: path.read_bytes() for path in found if spill not in path.parents}

    def nested(self, kind: str) -> Iterator[str]:
        """The statements of one kind, each in every place of a statement where SQL may stand."""
        for statement in STATEMENTS[kind]:
            nested = [outer.format(statement) for outer in NESTED]
            texts = [outer.format(literal(text)) for outer in AS_TEXT for text in nested[:3]]
            for sql in nested + texts:
                yield sql.format(**self.paths)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """The place, which is home, working directory and place of temporary files."""
    place = Place(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SEATBELT_SECRET", SECRET)
    monkeypatch.chdir(tmp_path / "cwd")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    return place


def test_every_kind_of_statement_is_listed() -> None:
    assert set(STATEMENTS) == set(duckdb.StatementType.__members__) - NOT_IN_SQL


def test_a_select_reads_no_foreign_file(place: Place) -> None:
    store = Store.open([place.root / "runs"])
    for sql in place.nested("SELECT"):
        with suppress(QueryError):
            assert SECRET not in str(store.query(sql).to_pylist()), sql
        assert place.files() == place.before, sql


@pytest.mark.parametrize("kind", sorted(set(STATEMENTS) - {"SELECT"}))
def test_the_store_refuses_other_statements(kind: str, place: Place) -> None:
    store = Store.open([place.root / "runs"])
    for sql in place.nested(kind):
        with pytest.raises(QueryError) as raised:
            store.query(sql)
        assert "\n" not in str(raised.value)
        assert SECRET not in str(raised.value)
        assert place.files() == place.before, sql
    assert store.query("SELECT run FROM runs").to_pylist() == [{"run": "run"}]


@pytest.mark.parametrize("kind", STATEMENTS)
def test_the_connection_itself_accesses_no_file(kind: str, place: Place) -> None:
    """The lock holds if the check of the SQL fails to recognise a statement."""
    connection = locked(place.root / "tmp")
    for sql in place.nested(kind):
        with suppress(duckdb.Error):
            connection.execute("CREATE TABLE IF NOT EXISTS t AS SELECT 1 AS a")
        with suppress(duckdb.Error):
            assert SECRET not in str(connection.execute(sql).fetchall()), sql
        assert place.files() == place.before, sql


def test_no_function_accesses_a_file_or_the_environment(place: Place) -> None:
    connection = locked(place.root / "tmp")
    listed = connection.execute(
        "SELECT DISTINCT function_name, function_type FROM duckdb_functions()"
    ).fetchall()
    assert len(listed) > 500
    paths = map(str, [*place.paths.values(), "SEATBELT_SECRET", place.root])
    arguments = [
        *(literal(path) for path in paths),
        f"{literal(str(place.paths['secret']))}, {literal(str(place.paths['out']))}",
        f"['{place.paths['secret']}']",
    ]
    for name, kind in listed:
        for argument in arguments:
            calls = {
                "table": f'FROM "{name}"({argument})',
                "pragma": f'PRAGMA "{name}"({argument})',
            }
            with suppress(duckdb.Error):
                found = connection.execute(calls.get(kind, f'SELECT "{name}"({argument})'))
                assert SECRET not in str(found.fetchall()), (name, argument)
    assert place.files() == place.before


def test_the_spill_folder_is_private_and_removed(place: Place) -> None:
    store = Store.open([place.root / "runs"])
    store.query("SELECT 1")
    (spill,) = (place.root / "tmp").iterdir()
    assert stat.S_IMODE(spill.stat().st_mode) == 0o700 or os.name == "nt"
    (setting,) = store.query("SELECT current_setting('temp_directory') AS it")["it"].to_pylist()
    assert Path(setting) == spill
    del store
    assert not spill.exists()
