"""Parquet files as datasets: their formats, common columns, and the columns of their paths."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from operator import and_
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from pyarrow.fs import LocalFileSystem

from seatbelt_vae.errors import ArtifactError
from seatbelt_vae.results.columns import Known
from seatbelt_vae.runs import checked_format
from seatbelt_vae.runs.rows import format_of, parquet_checked

__all__ = ["Files", "Keys", "by_format", "check_files", "dataset_of", "schema_of"]

Keys = Mapping[str, str]
"""Columns that the path of a file states: its run, and the suite if it is in one."""


@dataclass(frozen=True)
class Files:
    """Parquet files of one format.

    Args:
        format: format version, see `seatbelt_vae.runs.FORMAT`.
        keys: the files, absolute paths, each with the columns of its path.
        schemas: distinct schemas, each with the first file that has it.
    """

    format: int
    keys: dict[Path, Keys]
    schemas: dict[pa.Schema, Path]


def by_format(files: Mapping[Path, Keys]) -> list[Files]:
    """Group files by format version; only their footers are read.

    Raises:
        ArtifactError: a file is not a complete Parquet file, or has an unknown format version.
    """
    groups: dict[int, Files] = {}
    for path, keys in files.items():
        found, schema = _stored_schema(path)
        group = groups.setdefault(found, Files(found, {}, {}))
        group.keys[path] = keys
        group.schemas.setdefault(schema, path)
    return list(groups.values())


def schema_of(known: Known, files: Files) -> pa.Schema:
    """The columns of all files, known columns first, each with a common type.

    Raises:
        ArtifactError: a column has types without a common type.
    """
    joined = pa.schema(known.items())
    for schema, path in files.schemas.items():
        try:
            joined = pa.unify_schemas([joined, schema], promote_options="permissive")
        except (pa.ArrowTypeError, pa.ArrowInvalid) as error:
            raise ArtifactError(
                f"{path} has other column types than the files before it ({error}): delete it and "
                f"run again"
            ) from None
    return pa.schema([field.with_type(_concrete(field.type)) for field in joined])


def dataset_of(files: Files, schema: pa.Schema) -> ds.Dataset:
    """The rows of files with the columns of ``schema``; missing columns are null.

    A filter on a column of the path skips the files that it excludes.
    """
    file_format, system = ds.ParquetFileFormat(), LocalFileSystem()
    fragments = [
        file_format.make_fragment(str(path), system, _partition(keys))
        for path, keys in files.keys.items()
    ]
    return ds.FileSystemDataset(fragments, schema, file_format, system)


def check_files(files: Mapping[Path, Keys]) -> None:
    """Read all rows of files, to find the one that is damaged.

    Raises:
        ArtifactError: a file cannot be read.
    """
    for path in files:
        with parquet_checked(path):
            for _ in pq.ParquetFile(path).iter_batches():
                pass


def _partition(keys: Keys) -> ds.Expression | None:
    equal = [ds.field(name) == value for name, value in keys.items()]
    return reduce(and_, equal) if equal else None


def _stored_schema(path: Path) -> tuple[int, pa.Schema]:
    with parquet_checked(path):
        schema = pq.read_schema(path)
        found = format_of(schema.metadata)
    return checked_format(path, "file of rows", {"format": found}), schema.remove_metadata()


def _concrete(kind: pa.DataType) -> pa.DataType:
    """Replace the null type, that of a column with only nulls, by double."""
    return pa.float64() if pa.types.is_null(kind) else kind
