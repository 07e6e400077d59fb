"""Exported stores: one compact Parquet file per view, without local paths."""

import shutil
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from seatbelt_vae.errors import ArtifactError
from seatbelt_vae.results.discovery import STORE
from seatbelt_vae.results.format_names import current_column, current_view
from seatbelt_vae.results.parquet import Keys
from seatbelt_vae.runs import FORMAT, atomic_directory, checked_format, read_json, write_json
from seatbelt_vae.runs.rows import FORMAT_METADATA, format_of, parquet_checked

__all__ = ["copy_runs", "exported_runs", "files_of", "with_exported", "write_store"]

_GROUP = 50_000


def write_store(out: Path, views: Iterable[tuple[str, pa.RecordBatchReader]]) -> None:
    """Write views in batches of rows; the write is atomic.

    Raises:
        ArtifactError: ``out`` exists already, or cannot be written.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ArtifactError(f"{out} exists and is not empty: give another folder, or delete it")
    with atomic_directory(out) as new:
        for name, batches in views:
            path = new / f"{name}.parquet"
            schema = batches.schema.with_metadata(FORMAT_METADATA)
            with pq.ParquetWriter(path, schema, **_encoding(schema)) as writer:
                for rows in _gathered(batches):
                    writer.write_table(rows)
        write_json(new / STORE, {"format": FORMAT, "kind": "results store"})


def _encoding(schema: pa.Schema) -> dict[str, Any]:
    """Options of the Parquet writer.

    Numbers of training were single precision: half of their bytes are 0 or alike, and splitting the
    streams of bytes nearly halves the file.
    """
    reals = [field.name for field in schema if pa.types.is_floating(field.type)]
    others = [name for name in schema.names if name not in reals]
    encoding: dict[str, Any] = {"compression": "zstd", "compression_level": 9}
    return {**encoding, "use_byte_stream_split": reals, "use_dictionary": others}


def _gathered(batches: pa.RecordBatchReader) -> Iterator[pa.Table]:
    """Join batches to larger tables; each table becomes one compressed row group."""
    group: list[pa.RecordBatch] = []
    for batch in batches:
        group.append(batch)
        if sum(part.num_rows for part in group) >= _GROUP:
            yield pa.Table.from_batches(group)
            group = []
    if group:
        yield pa.Table.from_batches(group)


def copy_runs(store: Path, runs: Collection[str], out: Path) -> None:
    """Write the rows of some runs of an exported store as another one; the write is atomic.

    Raises:
        ArtifactError: a file is not a complete Parquet file, or ``out`` cannot be written.
    """
    names = pa.array(sorted(runs), pa.string())
    with atomic_directory(out) as new:
        for path in store.glob("*.parquet"):
            rows = _read(path)
            kept = rows.filter(pc.is_in(rows["run"], names))
            pq.write_table(kept, new / path.name, **_encoding(kept.schema))
        shutil.copyfile(store / STORE, new / STORE)


def files_of(stores: Sequence[Path]) -> dict[str, dict[Path, Keys]]:
    """The files of exported stores by view.

    Raises:
        ArtifactError: a store has an unknown format version.
    """
    files: dict[str, dict[Path, Keys]] = {}
    for store in stores:
        content = read_json(store / STORE)
        found = checked_format(store, "results store", content, ", or export the runs again")
        for path in sorted(store.glob("*.parquet")):
            files.setdefault(current_view(path.stem, found), {})[path] = {}
    return files


def exported_runs(files: Iterable[Path]) -> list[str]:
    """The names of the runs in exported files of the view ``runs``.

    Raises:
        ArtifactError: a file is not a complete Parquet file.
    """
    return [name for path in files for name in _read(path, ["run"])["run"].to_pylist()]


def with_exported(view: str, rows: pa.Table, files: Iterable[Path]) -> pa.Table:
    """Append the rows of exported files to the rows of a view.

    Raises:
        ArtifactError: a file is not a complete Parquet file, or its column types differ.
    """
    for path in files:
        stored = _read(path)
        found = format_of(stored.schema.metadata)
        names = [current_column(view, name, found) for name in stored.column_names]
        try:
            rows = pa.concat_tables(
                [rows, stored.rename_columns(names)], promote_options="permissive"
            )
        except pa.ArrowTypeError as error:
            raise ArtifactError(
                f"{path} has other column types than the other runs ({error}): open this "
                f"store alone"
            ) from None
    return rows


def _read(path: Path, columns: Sequence[str] | None = None) -> pa.Table:
    with parquet_checked(path, "export the runs again"):
        return pq.read_table(path, columns=columns)
