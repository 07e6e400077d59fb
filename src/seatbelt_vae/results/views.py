"""The SQL of views over Parquet files: whose rows they are is read off where the files lie."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import pyarrow as pa

from seatbelt_vae.results.columns import Known
from seatbelt_vae.results.former import current_column, selected, stored_column
from seatbelt_vae.results.parquet import Files, by_format, identifier, literal, read, schema_of

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

__all__ = ["KEY", "Relation", "exported", "joined", "of_runs"]

KEY = ("run", "suite", "pair", "level")
"""What an attack and its measures have in common."""

_FILE = "file it lies in"
_IN_A_RUN = r"(?s)^(.*)/[^/]*/[^/]*$"
_IN_A_SUITE = {
    "attacks": r"(?s)^(.*)/attacks/([^/]*)/[^/]*$",
    **dict.fromkeys(("measures", "budgets", "pairs"), r"(?s)^(.*)/attacks/([^/]*)/[^/]*/[^/]*$"),
}


@dataclass(frozen=True)
class Relation:
    """A query and the columns it has."""

    sql: str
    columns: tuple[str, ...]

    def also(self, other: "Relation") -> "Relation":
        """Its rows and then another's; a column that one of them lacks is null there."""
        more = tuple(name for name in other.columns if name not in self.columns)
        return Relation(f"{self.sql} UNION ALL BY NAME {other.sql}", self.columns + more)


def of_runs(
    connection: "DuckDBPyConnection", kind: str, files: Mapping[Path, Sequence[Path]], known: Known
) -> Relation:
    """The rows of one kind of run folders' files, with the run, and the suite where one has it.

    Args:
        connection: of DuckDB.
        kind: see `FoundRun.parts`.
        files: by the folder that their runs' names are relative to.
        known: columns, whether a file has them or not.
    """
    relation = _empty(connection, known)
    for base, paths in files.items():
        for group in by_format(paths):
            relation = relation.also(_of_base(connection, kind, base, group, known))
    return relation


def joined(attacks: Relation, measures: Relation) -> Relation:
    """Attacks with what was measured on each, null where nothing was yet."""
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
    """The rows of exported stores' files of one view."""
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
    whose = {
        name: f"regexp_extract({below}, {literal(pattern)}, {group}) AS {name}"
        for group, name in enumerate(names, start=1)
    }
    return _of_files(connection, kind, files, known, whose)


def _of_files(
    connection: "DuckDBPyConnection",
    view: str,
    files: Files,
    known: Known,
    whose: Mapping[str, str] = MappingProxyType({}),
) -> Relation:
    """The rows of files of one format, their columns under the current names.

    Args:
        connection: of DuckDB.
        view: the kind of rows.
        files: of one format.
        known: columns, whether a file has them or not.
        whose: SQL of columns that are not read from the files, by name.
    """
    found = files.format
    stored = {stored_column(view, n, found): of for n, of in known.items() if n not in whose}
    names = {n: current_column(view, n, found) for n in schema_of(stored, files).names}
    schema = pa.schema([f for f in schema_of(stored, files) if names[f.name] not in whose])
    listed = ", ".join([*whose.values(), *(selected(view, n, found) for n in schema.names)])
    source = read(connection, files.paths, schema, _FILE)
    return Relation(
        f"SELECT {listed} FROM {source}", (*whose, *(names[name] for name in schema.names))
    )


def _empty(connection: "DuckDBPyConnection", known: Known) -> Relation:
    types = connection.from_arrow(pa.schema(known.items()).empty_table()).types
    listed = ", ".join(
        f"NULL::{kind} AS {identifier(name)}" for name, kind in zip(known, types, strict=True)
    )
    return Relation(f"SELECT {listed} WHERE false", tuple(known))
