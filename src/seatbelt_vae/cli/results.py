"""``results``: query all runs with one SELECT; prints a table, JSON or CSV, or writes Parquet."""

import csv
import io
import json
import re
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len

from seatbelt_vae.cli.options import Results
from seatbelt_vae.cli.stdout import line_width, print_json, print_table
from seatbelt_vae.errors import QueryError

if TYPE_CHECKING:
    import pyarrow as pa

    from seatbelt_vae.results import Store

__all__ = ["EXAMPLES", "run"]

EXAMPLES = (
    "SELECT run, preset, beta, elbo FROM runs JOIN evaluations USING (run) ORDER BY elbo DESC",
    "SELECT run, suite, value, low, high FROM summaries WHERE measure = 'gap@0.2'",
    "SELECT run, suite, name, detail FROM flags WHERE raised",
)
"""Example queries."""

_MOST_ROWS, _MOST_RECORDS = 200, 10
_GAP = 1  # spaces between the columns of a table


def run(options: Results) -> None:
    """Run the SELECT; without one, export every view or list the views."""
    from seatbelt_vae.results import Store

    sql, runs = options.sql, options.runs
    if sql is not None and _is_path(sql):
        runs = (*(() if runs == Results().runs else runs), Path(sql))
        sql = None
    store = Store.open(runs)
    if sql is not None:
        found = store.query(sql, timeout=options.timeout)
        _answer(found.rename_columns(_distinct(found.column_names)), options)
    elif options.export is not None:
        store.export(options.export)
        if options.output.json:
            print_json({"exported": str(options.export)})
        else:
            print(f"exported: {options.export}")
    else:
        _list_views(store, runs, options)


def _is_path(sql: str) -> bool:
    """Whether text in the place of the SELECT is a folder, or a path that does not exist.

    A SELECT of one word does not exist.
    """
    with suppress(OSError):  # a text that is too long for a name
        if Path(sql).is_dir():
            return True
    return not re.search(r"[\s()*'\"]", sql)


def _answer(found: "pa.Table", options: Results) -> None:
    if options.out is not None:
        _write(found, options)
    elif options.csv:
        lines = csv.writer(sys.stdout, lineterminator="\n")
        lines.writerow(found.column_names)
        lines.writerows([_in_csv(value) for value in row] for row in _rows(found))
    elif options.output.json:
        rows = [dict(zip(found.column_names, row, strict=True)) for row in _rows(found)]
        print_json({"columns": found.column_names, "rows": rows})
    else:
        _show(found)


def _distinct(names: Sequence[str]) -> list[str]:
    """Column names without repetition: the second ``x`` becomes ``x_2``."""
    return [
        name if name not in names[:position] else f"{name}_{names[:position].count(name) + 1}"
        for position, name in enumerate(names)
    ]


def _write(found: "pa.Table", options: Results) -> None:
    from seatbelt_vae.runs import atomic_write

    assert options.out is not None
    atomic_write(options.out, _as_parquet(found))
    if options.output.json:
        print_json({"rows": found.num_rows, "written": str(options.out)})
    else:
        print(f"{found.num_rows:,} rows: {options.out}")


def _as_parquet(found: "pa.Table") -> bytes:
    """A table as a Parquet file.

    Raises:
        QueryError: a column has a type without an equivalent in Parquet.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    buffer = io.BytesIO()
    try:
        pq.write_table(found, buffer, compression="zstd")
    except pa.ArrowNotImplementedError:
        # the error does not name the column, so try each
        if found.num_columns > 1:
            for name in found.column_names:
                _as_parquet(found.select([name]))
            raise
        (column,) = found.schema
        raise QueryError(
            f"column {column.name} is of type {column.type}, which Parquet cannot hold: cast it, "
            f"as in CAST(… AS VARCHAR)"
        ) from None
    return buffer.getvalue()


def _show(found: "pa.Table") -> None:
    """Print a table, or one block of lines per row if the table is too wide."""
    rows = [[_as_text(value) for value in row] for row in _rows(found.slice(0, _MOST_ROWS))]
    columns = found.column_names
    widths = [max(map(cell_len, column)) for column in zip(columns, *rows, strict=True)]
    if sum(widths) + _GAP * len(widths) <= line_width():
        shown = len(rows)
        print_table("", columns, rows, _text_columns(found))
    else:
        shown = min(len(rows), _MOST_RECORDS)
        name_width = max(map(cell_len, columns))
        for row in rows[:shown]:
            for name, text in zip(columns, row, strict=True):
                print(f"{name}{' ' * (name_width - cell_len(name))}  {text}")
            print()
    if shown < found.num_rows:
        print(
            f"{shown} of {found.num_rows:,} rows are shown: --csv, --json and --out give all",
            file=sys.stderr,
        )


def _list_views(store: "Store", runs: Sequence[Path], options: Results) -> None:
    from seatbelt_vae.results import identifier

    counts = {
        name: store.query(f"SELECT count(*) AS n FROM {identifier(name)}")["n"][0].as_py()
        for name in store.views
    }
    if options.output.json:
        views = {
            name: {"rows": counts[name], "columns": dict(columns)}
            for name, columns in store.views.items()
        }
        print_json({"views": views, "examples": EXAMPLES})
        return
    for name, columns in store.views.items():
        print(f"{name}: {counts[name]:,} rows")
        listed = ", ".join(columns)
        print(fill(listed, line_width(), initial_indent="    ", subsequent_indent="    "))
    print("\nViews join by USING (run), (run, suite) or (run, suite, pair). Examples:\n")
    where = "" if runs == Results().runs else f" --runs {' '.join(map(str, runs))}"
    for sql in EXAMPLES:
        print(f'seatbelt-vae results "{sql}"{where}')


def _rows(found: "pa.Table") -> list[list[Any]]:
    columns = [[_plain(value) for value in column.to_pylist()] for column in found.columns]
    return [list(row) for row in zip(*columns, strict=True)]


def _text_columns(found: "pa.Table") -> list[int]:
    import pyarrow.types as kinds

    return [
        position
        for position, column in enumerate(found.schema)
        if not (kinds.is_integer(column.type) or kinds.is_floating(column.type))
    ]


def _plain(value: Any) -> Any:
    """A value as JSON types; DuckDB returns sums of integers as decimals."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [_plain(item) for item in value]
    return value if value is None or isinstance(value, bool | int | float) else str(value)


def _in_csv(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, list | dict | bool) else value


def _as_text(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return f"[{', '.join(map(_as_text, value))}]"
    if isinstance(value, dict):
        return json.dumps(value)
    return f"{value:.5g}" if isinstance(value, float) else str(value)
