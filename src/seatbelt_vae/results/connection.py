"""A read-only DuckDB connection that answers one SELECT at a time from a fixed set of files."""

import difflib
import re
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from seatbelt_vae.config.checks import perhaps
from seatbelt_vae.errors import QueryError
from seatbelt_vae.results.parquet import as_pattern, identifier, literal

if TYPE_CHECKING:
    import pyarrow as pa
    from duckdb import DuckDBPyConnection, DuckDBPyRelation, Statement

__all__ = ["answer", "define", "locked"]

_KINDS = {"MULTI": "a PIVOT without a list of values (give them: ON … IN (…))"}


def locked(files: Sequence[Path]) -> "DuckDBPyConnection":
    """A connection to an in-memory database that can read only ``files`` (absolute paths)."""
    import duckdb

    connection = duckdb.connect(":memory:")
    allowed = {text for path in files for text in (str(path), as_pattern(path))}
    connection.execute(f"SET allowed_paths = [{', '.join(map(literal, sorted(allowed)))}]")
    # no access to other files, extensions, attached databases or Python variables
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection


def define(connection: "DuckDBPyConnection", name: str, source: "str | pa.Table") -> dict[str, str]:
    """Define a view by a query or a table; returns its columns with their SQL types.

    Raises:
        QueryError: DuckDB cannot run the query, for example because column types differ.
    """
    with _one_line((), ()):
        if isinstance(source, str):
            connection.execute(f"CREATE VIEW {identifier(name)} AS {source}")
        else:
            connection.register(name, source)
        view = connection.sql(f"FROM {identifier(name)}")
        return dict(zip(view.columns, map(str, view.types), strict=True))


@contextmanager
def answer(
    connection: "DuckDBPyConnection",
    sql: str,
    views: Collection[str],
    columns: Collection[str],
) -> Iterator["DuckDBPyRelation"]:
    """Yield the relation of one SELECT, in a read-only transaction.

    Args:
        connection: see `locked`.
        sql: one SELECT (or FROM, WITH, VALUES, DESCRIBE, SUMMARIZE).
        views, columns: known names, suggested in place of an unknown one.

    Raises:
        QueryError: the SQL is invalid, is not one SELECT, or DuckDB cannot run it.
    """
    with _one_line(views, columns):
        statement = _only_select(connection, sql)
        # a SELECT may contain a WITH clause that deletes rows
        connection.execute("BEGIN TRANSACTION READ ONLY")
        try:
            yield connection.sql(statement)
        finally:
            connection.execute("ROLLBACK")


def _only_select(connection: "DuckDBPyConnection", sql: str) -> "Statement":
    statements = connection.extract_statements(sql)
    kinds = [statement.type.name for statement in statements]
    if kinds != ["SELECT"]:
        found = " and ".join(_KINDS.get(kind, kind) for kind in kinds) or "empty"
        raise QueryError(
            f"the SQL is {found}, expected one SELECT: the store is read-only, write results with "
            f"--out or in Python"
        )
    return statements[0]


@contextmanager
def _one_line(views: Collection[str], columns: Collection[str]) -> Iterator[None]:
    import duckdb

    try:
        yield
    except duckdb.Error as error:
        raise QueryError(_message(str(error), views, columns)) from None


def _message(text: str, views: Collection[str], columns: Collection[str]) -> str:
    """DuckDB's message in one line, with a suggestion for an unknown name."""
    message = re.split(r"\n\nLINE |\n\tCandidate functions", text)[0]
    message = " ".join(message.split())
    missing = re.search(r"Table with name (.+?) does not exist", message)
    if missing:
        return f"no view {missing[1]!r}: {perhaps(missing[1], views)}"
    column = re.search(r'column (?:named )?"(.+?)"', message, re.IGNORECASE)
    close = difflib.get_close_matches(column[1], columns, n=1) if column else []
    if close and f'"{close[0]}"' not in message:
        return f"{message}; perhaps you meant {close[0]!r}"
    return message
