"""Parquet files as one relation of SQL: their common columns, and how DuckDB reads them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from seatbelt_vae.errors import ArtifactError
from seatbelt_vae.results.columns import Known
from seatbelt_vae.runs import checked_format
from seatbelt_vae.runs.rows import format_of, parquet_checked

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

__all__ = ["Files", "as_pattern", "by_format", "identifier", "literal", "read", "schema_of"]


@dataclass(frozen=True)
class Files:
    """Parquet files of one format.

    Args:
        format: format version, see `seatbelt_vae.runs.FORMAT`.
        paths: the files.
        schemas: distinct schemas, each with the first file that has it.
    """

    format: int
    paths: list[Path]
    schemas: dict[pa.Schema, Path]


def by_format(files: Iterable[Path]) -> list[Files]:
    """Group files by format version; only their footers are read.

    Raises:
        ArtifactError: a file is not a complete Parquet file, or has an unknown format version.
    """
    groups: dict[int, Files] = {}
    for path in files:
        found, schema = _stored_schema(path)
        group = groups.setdefault(found, Files(found, [], {}))
        group.paths.append(path)
        group.schemas.setdefault(schema, path)
    return list(groups.values())


def schema_of(known: Known, files: Files) -> pa.Schema:
    """The columns of all files, known columns first, each with a common type.

    DuckDB's union by name gives the same columns, but keeps about 80 kB per file in memory.

    Raises:
        ArtifactError: a column has types without a common type.
    """
    joined = pa.schema(known.items())
    for schema, path in files.schemas.items():
        try:
            joined = pa.unify_schemas([joined, schema], promote_options="permissive")
        except pa.ArrowTypeError as error:
            raise ArtifactError(
                f"{path} has other column types than the files before it ({error}): delete it and "
                f"run again"
            ) from None
    return pa.schema([field.with_type(_concrete(field.type)) for field in joined])


def read(
    connection: "DuckDBPyConnection", files: Sequence[Path], schema: pa.Schema, filename: str
) -> str:
    """SQL of a table function that reads files as one relation; missing columns are null.

    Args:
        connection: DuckDB connection, which names the types.
        files: at least one absolute path.
        schema: see `schema_of`.
        filename: name of an additional column with the path of each row's file.
    """
    types = connection.from_arrow(schema.empty_table()).types
    columns = ", ".join(
        f"{literal(name)}: {{name: {literal(name)}, type: {literal(str(kind))}, "
        f"default_value: NULL}}"
        for name, kind in zip(schema.names, types, strict=True)
    )
    listed = ", ".join(literal(as_pattern(path)) for path in files)
    # with a schema, DuckDB does not parse folders such as beta=4 as Hive partitions
    return f"read_parquet([{listed}], filename = {literal(filename)}, schema = MAP {{{columns}}})"


def as_pattern(path: Path) -> str:
    """A glob pattern that matches only this path, since DuckDB treats paths as patterns.

    Example:
        >>> as_pattern(Path("/runs/[old]/a?.parquet"))
        '/runs/[[]old]/a[?].parquet'
    """
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in str(path))


def identifier(name: str) -> str:
    """A quoted SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A quoted SQL string."""
    return "'" + text.replace("'", "''") + "'"


def _stored_schema(path: Path) -> tuple[int, pa.Schema]:
    with parquet_checked(path):
        schema = pq.read_schema(path)
    found = checked_format(path, "file of rows", {"format": format_of(schema.metadata)})
    return found, schema.remove_metadata()


def _concrete(kind: pa.DataType) -> pa.DataType:
    """Replace the null type, that of a column with only nulls, by double."""
    return pa.float64() if pa.types.is_null(kind) else kind
