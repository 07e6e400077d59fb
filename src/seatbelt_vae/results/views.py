"""The SQL of views over Parquet files: whose rows they are is read off where the files lie."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from seatbelt_vae.results.columns import Known
from seatbelt_vae.results.parquet import identifier, literal, read, schema_of

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
        relation = relation.also(_of_base(connection, kind, base, paths, known))
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


def exported(connection: "DuckDBPyConnection", files: Sequence[Path], known: Known) -> Relation:
    """The rows of exported stores' files of one view."""
    schema = schema_of(known, files)
    listed = ", ".join(map(identifier, schema.names))
    return Relation(
        f"SELECT {listed} FROM {read(connection, files, schema, _FILE)}", tuple(schema.names)
    )


def _of_base(
    connection: "DuckDBPyConnection", kind: str, base: Path, paths: Sequence[Path], known: Known
) -> Relation:
    pattern = _IN_A_SUITE.get(kind, _IN_A_RUN)
    names = ("run", "suite") if kind in _IN_A_SUITE else ("run",)
    schema = schema_of({name: of for name, of in known.items() if name not in names}, paths)
    schema = pa.schema([field for field in schema if field.name not in names])
    below = f"substr({identifier(_FILE)}, {len(str(base).rstrip('/')) + 2})"
    whose = [
        f"regexp_extract({below}, {literal(pattern)}, {group}) AS {name}"
        for group, name in enumerate(names, start=1)
    ]
    listed = ", ".join([*whose, *map(identifier, schema.names)])
    source = read(connection, paths, schema, _FILE)
    return Relation(f"SELECT {listed} FROM {source}", (*names, *schema.names))


def _empty(connection: "DuckDBPyConnection", known: Known) -> Relation:
    types = connection.from_arrow(pa.schema(known.items()).empty_table()).types
    listed = ", ".join(
        f"NULL::{kind} AS {identifier(name)}" for name, kind in zip(known, types, strict=True)
    )
    return Relation(f"SELECT {listed} WHERE false", tuple(known))
