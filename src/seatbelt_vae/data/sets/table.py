"""Rows of numbers from a table: .parquet, .csv, .tsv, or a .npy array of two axes."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seatbelt_vae.config import DataConfig
from seatbelt_vae.data.dataset import ImageData
from seatbelt_vae.data.readers.npy import npy_array
from seatbelt_vae.data.readers.reading import reading
from seatbelt_vae.data.source import Source
from seatbelt_vae.data.vectors import vector_set
from seatbelt_vae.errors import DataError

__all__ = ["SOURCES", "load", "state"]

SOURCES = {
    "table": Source(
        "rows of numbers of your own, in one .parquet, .csv, .tsv or .npy file; for models of "
        "vectors",
        "read from --root, which is the file",
        __name__,
        resizable=False,
        options=frozenset({"standardise"}),
        single_file=True,
    ),
}

_ENDINGS = (".parquet", ".csv", ".tsv", ".npy")
_LABELS = ("label", "labels", "class", "target", "y")


def load(config: DataConfig) -> ImageData:
    """All columns of numbers; a column named as labels becomes a factor, see `vector_set`.

    Raises:
        DataError: no such file, another format, or fewer than two rows of numbers.
    """
    path = _file(config)
    if path.suffix.lower() == ".npy":
        array = npy_array(path)
        if len(array.shape) != 2 or array.dtype.kind not in "biuf":
            raise DataError(f"{path} is {array.dtype} {array.shape}, expected numbers (N, n)")
        rows = np.concatenate([np.empty((0, array.shape[1])), *array.blocks()])
        return vector_set(path, rows, None, config)
    columns = _columns(path)
    labels = next((name for name in columns if name.lower() in _LABELS), None)
    features = {
        name: column
        for name, column in columns.items()
        if name != labels and column.dtype.kind == "f" and not _is_index(name)
    }
    if not features:
        raise DataError(f"{path} has no column of numbers besides labels: got {', '.join(columns)}")
    rows = np.stack([*features.values()], axis=1)
    found = vector_set(path, rows, None if labels is None else columns[labels], config)
    unread = [name or "(unnamed)" for name in columns if name not in features and name != labels]
    passed_over = (f"columns passed over: {', '.join(unread)}",) if unread else ()
    return replace(found, notes=(*passed_over, *found.notes))


def state(config: DataConfig) -> str:
    """Report that the file is there.

    Raises:
        DataError: it is not.
    """
    return "give a file as root" if config.root is None else f"ready: {_file(config)}"


def _file(config: DataConfig) -> Path:
    if config.root is None or (path := Path(config.root)).suffix.lower() not in _ENDINGS:
        raise DataError(f"'table' is read from root {config.root}: give a {', '.join(_ENDINGS)}")
    with reading(path):
        if not path.is_file():
            raise DataError(f"{path} is no file: give one table as root")
    return path


def _columns(path: Path) -> dict[str, NDArray[Any]]:
    from seatbelt_vae.data.readers import table_columns  # imports pyarrow

    if path.suffix.lower() == ".parquet":
        return table_columns.columns_of_parquet(path)
    return table_columns.columns_of_text(path)


def _is_index(name: str) -> bool:
    """Whether a column has the name that pandas gives to the numbers of rows."""
    return name in ("", "Unnamed: 0") or name.startswith("__index_level_")
