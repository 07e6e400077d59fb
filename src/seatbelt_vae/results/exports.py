"""Exported stores: a folder with one Parquet file a view, compact and without a machine's paths."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from seatbelt_vae.errors import ArtifactError
from seatbelt_vae.results.former import current_column, current_view
from seatbelt_vae.results.found import STORE
from seatbelt_vae.runs import FORMAT, atomic_directory, checked_format, read_json, write_json
from seatbelt_vae.runs.rows import STATED, format_of

__all__ = ["exported_runs", "files_of", "with_exported", "write_store"]

_GROUP = 50_000


def write_store(out: Path, views: Iterable[tuple[str, pa.RecordBatchReader]]) -> None:
    """Write views as they come, whole or not at all; one batch of rows is held at a time.

    Raises:
        ArtifactError: ``out`` is there already, or cannot be written.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ArtifactError(f"{out} exists and is not empty: give another folder, or delete it")
    with atomic_directory(out) as new:
        for name, batches in views:
            path = new / f"{name}.parquet"
            schema = batches.schema.with_metadata(STATED)
            with pq.ParquetWriter(path, schema, compression="zstd") as writer:
                for rows in _gathered(batches):
                    writer.write_table(rows)
        write_json(new / STORE, {"format": FORMAT, "kind": "results store"})


def _gathered(batches: pa.RecordBatchReader) -> Iterator[pa.Table]:
    """Batches joined to tables of many rows: each becomes a group, which compresses as a whole."""
    kept: list[pa.RecordBatch] = []
    rows = 0
    for batch in batches:
        kept.append(batch)
        rows += batch.num_rows
        if rows >= _GROUP:
            yield pa.Table.from_batches(kept)
            kept, rows = [], 0
    if kept:
        yield pa.Table.from_batches(kept)


def files_of(stores: Sequence[Path]) -> dict[str, list[Path]]:
    """The files of some exported stores by their view.

    Raises:
        ArtifactError: a store of a format that this version does not know.
    """
    files: dict[str, list[Path]] = {}
    for store in stores:
        content = read_json(store / STORE)
        found = checked_format(store, "results store", content, ", or export the runs again")
        for path in sorted(store.glob("*.parquet")):
            files.setdefault(current_view(path.stem, found), []).append(path)
    return files


def exported_runs(files: Sequence[Path]) -> list[str]:
    """The names of the runs in some stores, given their files of that view.

    Raises:
        ArtifactError: a file that is not whole Parquet.
    """
    return [name for path in files for name in _read(path, ["run"])["run"].to_pylist()]


def with_exported(view: str, rows: pa.Table, files: Sequence[Path]) -> pa.Table:
    """The rows of a small view and then those of some stores' files of it.

    Raises:
        ArtifactError: a file that is not whole Parquet, or has columns of other types.
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
                f"{path} has columns of other types than the runs beside it ({error}): ask it "
                f"by itself"
            ) from None
    return rows


def _read(path: Path, columns: Sequence[str] | None = None) -> pa.Table:
    try:
        return pq.read_table(path, columns=columns)
    except (pa.ArrowInvalid, OSError) as error:
        reason = str(error).splitlines()[0]
        raise ArtifactError(
            f"{path} is not a whole Parquet file ({reason}): export the runs again"
        ) from None
