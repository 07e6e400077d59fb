"""Parquet files as one relation of SQL: which columns they have, and how DuckDB is to read them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from seatbelt_vae.errors import ArtifactError
from seatbelt_vae.results.columns import Known
from seatbelt_vae.runs import checked_format
from seatbelt_vae.runs.rows import format_of

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

__all__ = ["Files", "as_pattern", "by_format", "identifier", "literal", "read", "schema_of"]


@dataclass(frozen=True)
class Files:
    """Parquet files of one format.

    Args:
        format: the version of their columns, see `seatbelt_vae.runs.FORMAT`.
        paths: the files.
        schemas: their distinct schemas, each with the first file that has it.
    """

    format: int
    paths: list[Path]
    schemas: dict[pa.Schema, Path]


def by_format(files: Iterable[Path]) -> list[Files]:
    """Files grouped by their format; only their footers are read.

    Raises:
        ArtifactError: a file that is not whole Parquet, or of a format that is not known.
    """
    groups: dict[int, Files] = {}
    for path in files:
        found, schema = _stored_schema(path)
        group = groups.setdefault(found, Files(found, [], {}))
        group.paths.append(path)
        group.schemas.setdefault(schema, path)
    return list(groups.values())


def schema_of(known: Known, files: Files) -> pa.Schema:
    """The columns of files, those that are known first, each with a type that holds all of theirs.

    DuckDB's own union by name finds the same, but keeps the description of every file for as long
    as the view lives, some 80 kB per file.

    Raises:
        ArtifactError: columns that no type holds.
    """
    joined = pa.schema(known.items())
    for schema, path in files.schemas.items():
        try:
            joined = pa.unify_schemas([joined, schema], promote_options="permissive")
        except pa.ArrowTypeError as error:
            raise ArtifactError(
                f"{path} has columns of other types than the files before it ({error}):"
                f" delete it and run again"
            ) from None
    return pa.schema([field.with_type(_concrete(field.type)) for field in joined])


def read(
    connection: "DuckDBPyConnection", files: Sequence[Path], schema: pa.Schema, filename: str
) -> str:
    """A table function of SQL that reads files as one, null where a file lacks a column.

    Args:
        connection: of DuckDB, asked for its names of the types.
        files: at least one, absolute.
        schema: see `schema_of`.
        filename: the name of a further column, which holds each row's file.
    """
    types = connection.from_arrow(schema.empty_table()).types
    columns = ", ".join(
        f"{literal(name)}: {{name: {literal(name)}, type: {literal(str(kind))}, "
        f"default_value: NULL}}"
        for name, kind in zip(schema.names, types, strict=True)
    )
    listed = ", ".join(literal(as_pattern(path)) for path in files)
    # with a schema DuckDB does not take folders such as beta=4 for values of a column
    return f"read_parquet([{listed}], filename = {literal(filename)}, schema = MAP {{{columns}}})"


def as_pattern(path: Path) -> str:
    """The pattern that only this path matches: DuckDB takes what it reads for patterns.

    Example:
        >>> as_pattern(Path("/runs/[old]/a?.parquet"))
        '/runs/[[]old]/a[?].parquet'
    """
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in str(path))


def identifier(name: str) -> str:
    """A name as SQL quotes it."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A string as SQL quotes it."""
    return "'" + text.replace("'", "''") + "'"


def _stored_schema(path: Path) -> tuple[int, pa.Schema]:
    try:
        schema = pq.read_schema(path)
    except (pa.ArrowInvalid, OSError) as error:
        reason = str(error).splitlines()[0]
        raise ArtifactError(
            f"{path} is not a whole Parquet file ({reason}): delete it and run again"
        ) from None
    found = checked_format(path, "file of rows", {"format": format_of(schema.metadata)})
    return found, schema.remove_metadata()


def _concrete(kind: pa.DataType) -> pa.DataType:
    """A type for a column of nothing but nulls, which the files themselves leave open."""
    return pa.float64() if pa.types.is_null(kind) else kind
