"""A DuckDB that answers one SELECT at a time from the files it is given, and does nothing else."""

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

_SAID = {"MULTI": "a PIVOT that looks for its values (name them: ON … IN (…))"}


def locked(files: Sequence[Path]) -> "DuckDBPyConnection":
    """A connection to a database in memory that can read some files, and no other.

    Args:
        files: absolute paths.
    """
    import duckdb

    connection = duckdb.connect(":memory:")
    allowed = {text for path in files for text in (str(path), as_pattern(path))}
    connection.execute(f"SET allowed_paths = [{', '.join(map(literal, sorted(allowed)))}]")
    # no other file is read or written, nothing is attached or loaded, and no Python variable seen
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection


def define(
    connection: "DuckDBPyConnection", name: str, meaning: "str | pa.Table"
) -> dict[str, str]:
    """Make a view of a query or of rows; the columns it has, with their types.

    Raises:
        QueryError: a query that DuckDB cannot answer, such as one of columns that do not fit.
    """
    with _one_line((), ()):
        if isinstance(meaning, str):
            connection.execute(f"CREATE VIEW {identifier(name)} AS {meaning}")
        else:
            connection.register(name, meaning)
        view = connection.sql(f"FROM {identifier(name)}")
        return dict(zip(view.columns, map(str, view.types), strict=True))


@contextmanager
def answer(
    connection: "DuckDBPyConnection",
    sql: str,
    views: Collection[str],
    columns: Collection[str],
) -> Iterator["DuckDBPyRelation"]:
    """The relation that one SELECT means, to be read in the block; nothing is changed by it.

    Args:
        connection: see `locked`.
        sql: one SELECT (or FROM, WITH, VALUES, DESCRIBE, SUMMARIZE).
        views, columns: names to guess from where one is unknown.

    Raises:
        QueryError: SQL that is none, that does something else, or that DuckDB cannot answer.
    """
    with _one_line(views, columns):
        statement = _only_select(connection, sql)
        # a SELECT may hold a WITH that deletes
        connection.execute("BEGIN TRANSACTION READ ONLY")
        try:
            yield connection.sql(statement)
        finally:
            connection.execute("ROLLBACK")


def _only_select(connection: "DuckDBPyConnection", sql: str) -> "Statement":
    statements = connection.extract_statements(sql)
    kinds = [statement.type.name for statement in statements]
    if kinds != ["SELECT"]:
        found = " and ".join(_SAID.get(kind, kind) for kind in kinds) or "nothing"
        raise QueryError(
            f"the SQL holds {found}, expected one SELECT: the store is only read, "
            f"write answers with --out or in Python"
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
    """DuckDB's message in one line, with what the user may have meant."""
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
