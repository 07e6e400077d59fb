"""The SQL of views over Parquet files; run and suite of a row come from the path of its file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import pyarrow as pa

from seatbelt_vae.results.columns import Known
from seatbelt_vae.results.format_names import current_column, selected, stored_column
from seatbelt_vae.results.parquet import Files, by_format, identifier, literal, read, schema_of

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

__all__ = ["KEY", "Relation", "exported", "joined", "of_runs"]

KEY = ("run", "suite", "pair", "level")
"""Columns that join attacks with their measures."""

_FILE = "path of the file"
_IN_A_RUN = r"(?s)^(.*)/[^/]*/[^/]*$"
_IN_A_SUITE = {
    "attacks": r"(?s)^(.*)/attacks/([^/]*)/[^/]*$",
    **dict.fromkeys(("measures", "budgets", "pairs"), r"(?s)^(.*)/attacks/([^/]*)/[^/]*/[^/]*$"),
}


@dataclass(frozen=True)
class Relation:
    """A query and its columns."""

    sql: str
    columns: tuple[str, ...]

    def also(self, other: "Relation") -> "Relation":
        """The rows of both relations; missing columns are null."""
        more = tuple(name for name in other.columns if name not in self.columns)
        return Relation(f"{self.sql} UNION ALL BY NAME {other.sql}", self.columns + more)


def of_runs(
    connection: "DuckDBPyConnection", kind: str, files: Mapping[Path, Sequence[Path]], known: Known
) -> Relation:
    """The rows of one kind in the files of run folders, with the run and, if any, the suite.

    Args:
        connection: DuckDB connection.
        kind: see `RunSource.parts`.
        files: files by the base folder of their runs, see `RunSource`.
        known: columns of the relation even if no file has them.
    """
    relation = _empty(connection, known)
    for base, paths in files.items():
        for group in by_format(paths):
            relation = relation.also(_of_base(connection, kind, base, group, known))
    return relation


def joined(attacks: Relation, measures: Relation) -> Relation:
    """Attacks with their measures; measures are null if an attack is not measured yet."""
    more = [name for name in measures.columns if name not in attacks.columns]
    listed = ", ".join(
        [f"a.{identifier(name)}" for name in attacks.columns]
        + [f"m.{identifier(name)}" for name in more]
    )
    key = ", ".join(KEY)
    return Relation(
        f"SELECT {listed} FROM ({attacks.sql}) AS a LEFT JOIN ({measures.sql}) AS m USING ({key})",
        (*attacks.columns, *more),
    )


def exported(
    connection: "DuckDBPyConnection", view: str, files: Sequence[Path], known: Known
) -> Relation:
    """The rows of one view in the files of exported stores."""
    relation = _empty(connection, known)
    for group in by_format(files):
        relation = relation.also(_of_files(connection, view, group, known))
    return relation


def _of_base(
    connection: "DuckDBPyConnection", kind: str, base: Path, files: Files, known: Known
) -> Relation:
    pattern = _IN_A_SUITE.get(kind, _IN_A_RUN)
    names = ("run", "suite") if kind in _IN_A_SUITE else ("run",)
    below = f"substr({identifier(_FILE)}, {len(str(base).rstrip('/')) + 2})"
    from_path = {
        name: f"regexp_extract({below}, {literal(pattern)}, {group}) AS {name}"
        for group, name in enumerate(names, start=1)
    }
    return _of_files(connection, kind, files, known, from_path)


def _of_files(
    connection: "DuckDBPyConnection",
    view: str,
    files: Files,
    known: Known,
    from_path: Mapping[str, str] = MappingProxyType({}),
) -> Relation:
    """The rows of files of one format, with current column names.

    Args:
        connection: DuckDB connection.
        view: kind of rows.
        files: files of one format.
        known: columns of the relation even if no file has them.
        from_path: SQL of the columns that come from the path of the file, by name.
    """
    found = files.format
    stored = {stored_column(view, n, found): of for n, of in known.items() if n not in from_path}
    names = {n: current_column(view, n, found) for n in schema_of(stored, files).names}
    schema = pa.schema([f for f in schema_of(stored, files) if names[f.name] not in from_path])
    listed = ", ".join([*from_path.values(), *(selected(view, n, found) for n in schema.names)])
    source = read(connection, files.paths, schema, _FILE)
    return Relation(
        f"SELECT {listed} FROM {source}", (*from_path, *(names[name] for name in schema.names))
    )


def _empty(connection: "DuckDBPyConnection", known: Known) -> Relation:
    types = connection.from_arrow(pa.schema(known.items()).empty_table()).types
    listed = ", ".join(
        f"NULL::{kind} AS {identifier(name)}" for name, kind in zip(known, types, strict=True)
    )
    return Relation(f"SELECT {listed} WHERE false", tuple(known))
