"""Rows on disk: Parquet files, written atomically."""

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from seatbelt_vae.errors import ArtifactError, UnreadableError
from seatbelt_vae.runs.atomic import atomic_write
from seatbelt_vae.runs.formats import FORMAT

__all__ = [
    "FORMAT_METADATA",
    "column_names",
    "each_part",
    "format_of",
    "parquet_checked",
    "read_rows",
    "write_rows",
]

_KEY = b"seatbelt_vae.format"
FORMAT_METADATA = {_KEY: str(FORMAT).encode()}
"""Metadata of every Parquet file: the format of its columns."""


def format_of(metadata: Mapping[bytes, bytes] | None) -> int:
    """The format of a Parquet file's columns, given its metadata; without the key it is 1."""
    return int((metadata or {}).get(_KEY, b"1"))


def write_rows(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Write ``rows`` as one Parquet file atomically; missing columns of a row are null."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = dict.fromkeys(name for row in rows for name in row)
    table = pa.table({name: [row.get(name) for row in rows] for name in columns})
    table = table.replace_schema_metadata(FORMAT_METADATA)
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    atomic_write(path, buffer.getvalue())


def read_rows(path: Path, pattern: str = "*.parquet") -> list[dict[str, Any]]:
    """The rows of a Parquet file, or of the Parquet files of a folder in order of their names.

    Raises:
        ArtifactError: no such file, or not a valid Parquet file.
    """
    return [row for part in each_part(path, pattern) for row in part]


def each_part(path: Path, pattern: str = "*.parquet") -> Iterator[list[dict[str, Any]]]:
    """The rows of each Parquet file in turn; one file is in memory at a time."""
    import pyarrow.parquet as pq

    parts = sorted(path.glob(pattern)) if path.is_dir() else [path]
    if not parts or not parts[0].exists():
        raise ArtifactError(f"no rows at {path}: expected Parquet files written by seatbelt-vae")
    for part in parts:
        with parquet_checked(part):
            rows = pq.read_table(part).to_pylist()
        yield rows


def column_names(path: Path) -> list[str]:
    """The names of the columns of a Parquet file, of which only the metadata is read.

    Raises:
        ArtifactError: no such file, or not a valid Parquet file.
    """
    import pyarrow.parquet as pq

    with parquet_checked(path):
        names: list[str] = pq.read_schema(path).names
    return names


@contextmanager
def parquet_checked(path: Path, advice: str = "move it away and run again") -> Iterator[None]:
    """Raise errors of reading a Parquet file as an `ArtifactError` with ``advice``."""
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowInvalid, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:  # not of pyarrow's own
            raise UnreadableError.of(path, error) from None
        reason = str(error).splitlines()[0]
        raise ArtifactError(f"{path} is not a whole Parquet file ({reason}): {advice}") from error
