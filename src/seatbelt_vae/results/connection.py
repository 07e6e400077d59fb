"""A DuckDB connection that opens no file, and the rows of one SELECT.

The views read Parquet files that pyarrow opens. DuckDB itself may access only its spill folder,
which is private and temporary, so that a query cannot write a file or read another one.
"""

import difflib
import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from seatbelt_vae.config.checks import perhaps
from seatbelt_vae.errors import QueryError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection, Statement

__all__ = ["answer", "in_one_line", "locked", "memory_limit", "unreadable"]

_SETTINGS = {
    "memory_limit": "50%",  # of the machine's memory; larger sorts and joins use the spill folder
    "python_enable_replacements": "false",  # else an unknown table name reads a Python variable
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
    "allow_extension_repositories": "forbidden",
    "allow_persistent_secrets": "false",
}
_QUERIES = {"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"}
_KINDS = {"MULTI": "a PIVOT without a list of values (give them: ON … IN (…))"}
_ADVICE = "expected one SELECT: the store is read-only, write results with --out or in Python"
_BATCH = 50_000
_UNREADABLE = "reading the Arrow source failed"


def locked(spill: Path) -> "DuckDBPyConnection":
    """A connection to an in-memory database that can access only the folder ``spill``."""
    import duckdb

    connection = duckdb.connect(":memory:", config={**_SETTINGS, "temp_directory": str(spill)})
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection


def memory_limit(connection: "DuckDBPyConnection") -> int:
    """The memory in bytes that a query may take."""
    limit = "SELECT parse_formatted_bytes(current_setting('memory_limit'))"
    return int(connection.execute(limit).fetchall()[0][0])


@contextmanager
def answer(
    connection: "DuckDBPyConnection", sql: str, views: Collection[str], columns: Collection[str]
) -> Iterator[pa.RecordBatchReader]:
    """Yield the rows of one SELECT in batches; reading them raises the same errors.

    Args:
        connection: see `locked`.
        sql: one SELECT (or FROM, WITH, VALUES, DESCRIBE, SUMMARIZE).
        views, columns: known names, suggested in place of an unknown one.

    Raises:
        QueryError: the SQL is invalid, is not one SELECT, or DuckDB cannot run it.
    """
    try:
        _check_select(connection, sql)
        reader = connection.sql(sql).to_arrow_reader(_BATCH)
    except Exception as error:
        raise in_one_line(error, views, columns) from None

    def batches() -> Iterator[pa.RecordBatch]:
        try:
            yield from reader
        except Exception as error:
            raise in_one_line(error, views, columns) from None

    with reader:  # the connection runs no other query before the reader is closed
        yield pa.RecordBatchReader.from_batches(reader.schema, batches())


def in_one_line(
    error: Exception, views: Collection[str] = (), columns: Collection[str] = ()
) -> Exception:
    """An error of DuckDB as a `QueryError`, with a suggestion for an unknown name."""
    import duckdb

    # an error while batches are read reaches Python as an error of Arrow
    if isinstance(error, duckdb.Error | pa.ArrowException | OSError | UnicodeError):
        return QueryError(_message(str(error), views, columns))
    return error


def unreadable(error: QueryError) -> bool:
    """Whether a query failed because a file of a view cannot be read."""
    return _UNREADABLE in str(error)


def _check_select(connection: "DuckDBPyConnection", sql: str) -> None:
    kinds = [_kind(statement) for statement in connection.extract_statements(sql)]
    if kinds != ["SELECT"]:
        found = " and ".join(_KINDS.get(kind, kind) for kind in kinds) or "empty"
        raise QueryError(f"the SQL is {found}, {_ADVICE}")
    # a WITH clause may contain other statements; JSON escapes the quotes in the SQL's strings
    ((tree,),) = connection.execute("SELECT json_serialize_sql(?)", [sql]).fetchall()
    nodes = set(re.findall(r'"type":"(\w+_NODE)"', tree))
    if not nodes or nodes - _QUERIES:
        found = " and ".join(sorted(node.split("_")[0] for node in nodes - _QUERIES))
        raise QueryError(f"the SQL holds {found or 'an unknown statement'}, {_ADVICE}")


def _kind(statement: "Statement") -> str:
    try:
        return str(statement.type.name)
    except ValueError:  # a kind that DuckDB's parser has and its Python enumeration lacks
        return "an unknown statement"


def _message(text: str, views: Collection[str], columns: Collection[str]) -> str:
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
