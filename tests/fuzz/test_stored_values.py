"""Documents and rows of a run folder with values of other types, or without some of them."""

import json
import shutil
import tomllib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import tomli_w
from hypothesis import strategies as st

from seatbelt_vae.errors import SeatbeltError
from seatbelt_vae.report import write_comparison, write_report
from seatbelt_vae.results import Store
from tests.report.synthetic import write_demo

from .conftest import fuzz
from .test_results import read_contents, read_views

NUMBERS = st.integers(-(2**70), 2**70) | st.floats()
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=4,
)
ABSENT = object()
STEPS = st.lists(st.integers(0, 40), min_size=1, max_size=4)
COLUMNS = {
    "dropped": None,
    "null": lambda rows: pa.nulls(rows),
    "text": lambda rows: pa.array(["x"] * rows),
    "number": lambda rows: pa.array([-1] * rows),
    "infinite": lambda rows: pa.array([float("inf")] * rows),
    "list": lambda rows: pa.array([[1.0]] * rows),
    "bytes": lambda rows: pa.array([b"\xff"] * rows),
    "decimal": lambda rows: pa.array([1] * rows).cast(pa.decimal128(20, 0)),
    "time": lambda rows: pa.array([0] * rows).cast(pa.timestamp("s")),
}


def replaced(content: Any, steps: list[int], value: Any) -> Any:
    """A document whose value at the end of a path of ``steps`` is another one, or is removed."""
    if not steps or not isinstance(content, dict | list) or not content:
        return None if value is ABSENT else value
    keys = list(content) if isinstance(content, dict) else range(len(content))
    key = keys[steps[0] % len(keys)]
    if value is ABSENT and len(steps) == 1:
        del content[key]
    else:
        content[key] = replaced(content[key], steps[1:], value)
    return content


def each(
    tmp_path: Path, suffixes: set[str], damage: Callable[[Path, Any], None]
) -> Callable[..., None]:
    """A check that damages one file of a whole run and reads the run in every way."""
    write_demo(tmp_path / "whole", 1, ["vae"])
    files = sorted(path for path in (tmp_path / "whole").rglob("*") if path.suffix in suffixes)

    def check(drawn: tuple[int, Any]) -> None:
        number, how = drawn
        shutil.rmtree(tmp_path / "runs", ignore_errors=True)
        shutil.copytree(tmp_path / "whole", tmp_path / "runs")
        file = tmp_path / "runs" / files[number % len(files)].relative_to(tmp_path / "whole")
        damage(file, how)
        with suppress(SeatbeltError):
            read_contents(tmp_path / "runs")
        with suppress(SeatbeltError):
            read_views(tmp_path / "runs")
        with suppress(SeatbeltError):
            write_report([tmp_path / "runs" / "vae"], tmp_path / "report.html")
        with suppress(SeatbeltError):
            write_comparison(Store.open([tmp_path / "runs"]), tmp_path / "scores.html")

    return check


def test_documents(tmp_path: Path) -> None:
    def damage(file: Path, how: tuple[list[int], Any]) -> None:
        if file.suffix == ".json":
            file.write_text(json.dumps(replaced(json.loads(file.read_text()), *how)))
        else:
            with suppress(TypeError, AttributeError):  # TOML has no null, and tables only
                file.write_text(tomli_w.dumps(replaced(tomllib.loads(file.read_text()), *how)))

    how = st.tuples(STEPS, VALUES | st.just(ABSENT))
    fuzz(each(tmp_path, {".json", ".toml"}, damage), st.tuples(st.integers(0, 99), how))


DAMAGED_COLUMNS = st.tuples(st.integers(0, 99), st.sampled_from(sorted(COLUMNS)))


def damage_column(file: Path, how: tuple[int, str]) -> None:
    """Drop or replace one column of a Parquet file; ``how`` is one of `DAMAGED_COLUMNS`."""
    number, kind = how
    table = pq.read_table(file)
    name = table.column_names[number % table.num_columns]
    column = COLUMNS[kind]
    if column is None:
        table = table.drop_columns(name)
    else:
        table = table.set_column(table.schema.get_field_index(name), name, column(len(table)))
    pq.write_table(table, file)


def test_rows(tmp_path: Path) -> None:
    check = each(tmp_path, {".parquet"}, damage_column)
    fuzz(check, st.tuples(st.integers(0, 99), DAMAGED_COLUMNS))
