"""Views over Parquet files: the rows of all files, with current column names."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from seatbelt_vae.results.columns import Known
from seatbelt_vae.results.format_names import current_column, selected, stored_column
from seatbelt_vae.results.parquet import Files, Keys, by_format, dataset_of, schema_of
from seatbelt_vae.results.sql_text import identifier

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection, DuckDBPyRelation

__all__ = ["KEY", "joined", "rows_of", "stacked"]

KEY = ("run", "suite", "pair", "level")
"""Columns that join attacks with their measures."""


def rows_of(
    connection: "DuckDBPyConnection", kind: str, files: Mapping[Path, Keys], known: Known
) -> "DuckDBPyRelation":
    """The rows of one kind in files; the columns of a path precede those of its file.

    Args:
        connection: DuckDB connection.
        kind: see `RunSource.parts`, or the name of an exported view.
        files: the files with the columns of their paths.
        known: columns of the relation even if no file has them.
    """
    empty = connection.from_arrow(pa.schema(known.items()).empty_table())
    groups = [_of_group(connection, kind, group, known) for group in by_format(files)]
    return stacked([empty, *groups])


def joined(attacks: "DuckDBPyRelation", measures: "DuckDBPyRelation") -> "DuckDBPyRelation":
    """Attacks with their measures; measures are null if an attack is not measured yet."""
    more = [name for name in measures.columns if name not in attacks.columns]
    listed = [f"a.{identifier(name)}" for name in attacks.columns]
    listed += [f"m.{identifier(name)}" for name in more]
    pairs = attacks.set_alias("a").join(measures.set_alias("m"), ", ".join(KEY), "left")
    return pairs.project(", ".join(listed))


def _of_group(
    connection: "DuckDBPyConnection", kind: str, files: Files, known: Known
) -> "DuckDBPyRelation":
    """The rows of files of one format."""
    found = files.format
    of_path = dict.fromkeys(next(iter(files.keys.values())), pa.string())
    stored = {stored_column(kind, n, found): of for n, of in known.items() if n not in of_path}
    inside = [
        f for f in schema_of(stored, files) if current_column(kind, f.name, found) not in of_path
    ]
    schema = pa.schema([*of_path.items(), *inside])
    listed = [*of_path, *(selected(kind, field.name, found) for field in inside)]
    return connection.from_arrow(dataset_of(files, schema)).project(", ".join(listed))


def stacked(relations: Sequence["DuckDBPyRelation"]) -> "DuckDBPyRelation":
    """The rows of all relations; missing columns are null."""
    names = dict.fromkeys(name for relation in relations for name in relation.columns)

    def complete(relation: "DuckDBPyRelation") -> "DuckDBPyRelation":
        own = {name: identifier(name) for name in relation.columns}
        return relation.project(
            ", ".join(own.get(name, f"NULL AS {identifier(name)}") for name in names)
        )

    first, *others = map(complete, relations)
    for other in others:
        first = first.union(other)
    return first
