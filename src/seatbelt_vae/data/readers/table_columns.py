"""The columns of a table as arrays: numbers with NaN for missing values, or texts."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
from numpy.typing import NDArray

from seatbelt_vae.data.readers.reading import reading
from seatbelt_vae.errors import DataError

__all__ = ["columns_of_parquet", "columns_of_text"]


def columns_of_parquet(path: Path) -> dict[str, NDArray[Any]]:
    """The columns of a Parquet file by name.

    Raises:
        DataError: not a whole Parquet file.
    """
    return _columns(path, lambda: pyarrow.parquet.ParquetFile(path).read())


def columns_of_text(path: Path) -> dict[str, NDArray[Any]]:
    """The columns of a .csv or .tsv file by name; by number if the first line has numbers only.

    Raises:
        DataError: lines of different lengths, or another format.
    """
    with reading(path), path.open("rb") as file:
        first = file.readline(1 << 20).decode("utf-8", "replace")
    separator = "\t" if path.suffix.lower() == ".tsv" else max(",;\t", key=first.count)
    return _columns(
        path,
        lambda: pyarrow.csv.read_csv(
            path,
            read_options=pyarrow.csv.ReadOptions(
                autogenerate_column_names=all(map(_is_number, first.split(separator)))
            ),
            parse_options=pyarrow.csv.ParseOptions(delimiter=separator),
        ),
    )


def _columns(path: Path, read: Any) -> dict[str, NDArray[Any]]:
    try:
        with reading(path):
            table = read()
        return {name: _array(table.column(i)) for i, name in enumerate(table.column_names)}
    except pa.ArrowException as error:
        reason = (str(error).splitlines() or ["no reason given"])[0]
        raise DataError(f"{path} is no whole table: {reason}; write it anew") from None


def _array(column: Any) -> NDArray[Any]:
    kind = column.type
    if pa.types.is_decimal(kind) or pa.types.is_boolean(kind) or pa.types.is_integer(kind):
        column = column.cast(pa.float64(), safe=False)
    if pa.types.is_floating(column.type):
        return np.asarray(column.to_numpy(), dtype=np.float64)
    return np.array([str(value) for value in column.to_pylist()])


def _is_number(text: str) -> bool:
    try:
        float(text.strip().strip('"'))
    except ValueError:
        return False
    return True
