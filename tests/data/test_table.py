"""Tables: rows of numbers from several formats, with missing values, outliers and labels."""

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from seatbelt_vae import load_data
from seatbelt_vae.cli import main
from seatbelt_vae.config import DataConfig
from seatbelt_vae.data.readers import array_files
from seatbelt_vae.errors import ConfigError, DataError

ROWS = np.random.default_rng(0).normal([0, 5, -3], [1, 10, 0.1], (200, 3))
NAMES = ["a", "b", "c"]


def table(**more):
    return pa.table({name: ROWS[:, i] for i, name in enumerate(NAMES)} | more)


def written(folder, kind, content=None):
    path = folder / f"rows.{kind}"
    content = table() if content is None else content
    match kind:
        case "npy":
            np.save(path, ROWS)
        case "parquet":
            pyarrow.parquet.write_table(content, path)
        case "tsv":
            options = pyarrow.csv.WriteOptions(delimiter="\t")
            pyarrow.csv.write_csv(content, path, options)
        case "csv":
            pyarrow.csv.write_csv(content, path)
    return path


def rows_of(data):
    """All rows in the order of the file."""
    order = np.concatenate([data.train.indices, data.test.indices])
    whole = np.concatenate([part.read(part.indices) for part in (data.train, data.test)])
    return whole[np.argsort(order)]


@pytest.mark.parametrize("kind", ["csv", "tsv", "parquet", "npy"])
def test_every_format_gives_the_same_rows(kind, tmp_path):
    data = load_data(f"table:{written(tmp_path, kind)}")
    assert data.image_shape == (3,)
    assert data.bounds == (-np.inf, np.inf)
    assert (len(data.train), len(data.test)) == (180, 20)
    np.testing.assert_array_equal(rows_of(data), ROWS.astype(np.float32))
    assert data.identity == load_data("table", written(tmp_path, "npy")).identity


def test_a_path_of_a_table_or_a_folder_is_short_for_name_and_root():
    assert DataConfig("rows.parquet") == DataConfig("table", "rows.parquet")
    assert DataConfig("folder:photos/cats") == DataConfig("folder", "photos/cats")
    assert DataConfig("table:rows.npy") == DataConfig("table", "rows.npy")
    for name in ("my.data:load", "my/data.py:load", "hf:owner/images", "photos", "celeba"):
        assert (DataConfig(name).name, DataConfig(name).root) == (name, None)
    for path in ("folder:photos", "./photos", "photos.zip"):
        with pytest.raises(ConfigError, match="leave root out, or give data folder"):
            DataConfig(path, "others")


@pytest.mark.parametrize(
    ("path", "name"),
    [
        *((f"images{suffix}", "array") for suffix in array_files.ENDINGS),
        ("IMAGES.NPY", "array"),
        ("photos.zip", "folder"),
        ("./photos", "folder"),
        ("photos/cats", "folder"),
        ("/data/photos", "folder"),
        ("rows.tsv", "table"),
        ("data/rows.csv", "table"),
    ],
)
def test_a_path_alone_names_its_data_set(path: str, name: str) -> None:
    assert DataConfig(path) == DataConfig(name, path)


def test_a_csv_without_names_has_no_lost_row(tmp_path):
    np.savetxt(tmp_path / "plain.csv", ROWS, delimiter=",")
    np.testing.assert_allclose(rows_of(load_data(str(tmp_path / "plain.csv"))), ROWS, rtol=1e-6)


def test_standardised_by_the_training_rows(tmp_path):
    data = load_data("table", written(tmp_path, "csv"), standardise=True)
    mean, std = ROWS[data.train.indices].mean(0), ROWS[data.train.indices].std(0)
    np.testing.assert_allclose(rows_of(data), (ROWS - mean) / std, rtol=1e-5, atol=1e-6)


def test_labels_indices_and_texts_are_no_features(tmp_path):
    words = pa.array(["cat", "dog"] * 100)
    content = table(label=words, colour=words, whole=pa.array(range(200)))
    content = content.add_column(0, "Unnamed: 0", pa.array(range(200)))
    for kind in ("csv", "parquet"):
        data = load_data("table", written(tmp_path, kind, content))
        assert data.image_shape == (4,)
        assert data.factors[0].values == ("cat", "dog")
        even = data.train.indices % 2 == 0
        classes = data.train.factors(np.arange(len(data.train)))
        np.testing.assert_array_equal(classes[:, 0], np.where(even, 0, 1))
        assert data.notes == ("columns passed over: Unnamed: 0, colour",)


def test_bad_rows_and_outliers_are_counted_and_stop_nothing(tmp_path):
    rows = ROWS.copy()
    rows[7, 1], rows[9, 0], rows[11, 2], rows[20, 0] = np.nan, np.inf, 1e300, 1e9
    np.save(tmp_path / "rows.npy", rows)
    data = load_data("table", tmp_path / "rows.npy", standardise=True)
    assert len(data.train) + len(data.test) == 197
    assert "3 of 200 rows left out" in data.notes[0]
    assert "first row 7" in data.notes[0]
    assert "1 rows have a value more than 10 standard deviations" in data.notes[1]
    assert "first row 17, column 0" in data.notes[1]
    assert np.isfinite(rows_of(data)).all()


BAD = {
    "no number": ({"name": ["x", "y"]}, "no column of numbers besides labels: got name"),
    "one row": ({"a": [1.0]}, "has 1 complete rows"),
    "nothing but missing": ({"a": [np.nan, np.nan]}, "2 of 2 rows left out"),
}


@pytest.mark.parametrize(("columns", "message"), BAD.values(), ids=BAD)
def test_tables_that_cannot_be_used(columns, message, tmp_path):
    with pytest.raises(DataError, match=message):
        load_data("table", written(tmp_path, "parquet", pa.table(columns)))


def test_files_that_are_no_tables(tmp_path):
    (tmp_path / "a.csv").write_text("a,b\n1,2\n3\n")
    (tmp_path / "a.parquet").write_bytes(b"PAR1")
    np.save(tmp_path / "a.npy", np.zeros((2, 3, 4)))
    for name, message in (
        ("a.csv", "is no whole table: CSV parse error"),
        ("a.parquet", "is no whole table"),
        ("a.npy", r"is float64 \(2, 3, 4\), expected numbers"),
        ("absent.csv", "no such file or folder"),
    ):
        with pytest.raises(DataError, match=message) as caught:
            load_data("table", tmp_path / name)
        assert "\n" not in str(caught.value)


def test_commands_take_tables(tmp_path, capsys):
    path = str(written(tmp_path, "csv"))
    assert main(["data", "check", f"table:{path}"]) == 0
    assert "3" in capsys.readouterr().out
    assert main(["data", "prepare", f"table:{path}", "--sheet", str(tmp_path / "sheet.png")]) == 0
    assert main(["train", str(tmp_path / "run"), "--data", path]) == 2
    assert "has vectors of 3 values, but models of images are trained" in capsys.readouterr().err


FUNCTIONS = """
import numpy as np
import torch
rows = np.arange(40.0).reshape(20, 2)
def array():
    return rows
def labelled():
    return torch.tensor(rows), np.arange(20) % 2
def splits():
    return {"train": rows[:15], "test": rows[15:]}
def images():
    return {"train": np.zeros((15, 8, 8, 1), "u1") + np.arange(15, dtype="u1")[:, None, None, None],
            "test": np.ones((5, 8, 8, 1), "u1")}
"""


def test_functions_return_vectors_and_either_split(tmp_path):
    (tmp_path / "mine.py").write_text(FUNCTIONS)
    rows = np.arange(40.0).reshape(20, 2)
    for name in ("array", "labelled", "splits"):
        data = load_data(f"{tmp_path}/mine.py:{name}")
        np.testing.assert_array_equal(rows_of(data), rows)
        assert len(data.test) == (5 if name == "splits" else 2)
        assert len(data.factors) == (name == "labelled")
    assert len(load_data(f"{tmp_path}/mine.py:images").test) == 5
