"""Rows, tensors and run folders: what is written reads back, what is damaged is refused."""

import json
import math
import os
import pickle
from pathlib import Path

import duckdb
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seatbelt_vae.config import DataConfig, RunConfig, dump_toml
from seatbelt_vae.errors import ArtifactError
from seatbelt_vae.runs import (
    RunFolder,
    digest_of,
    read_json,
    read_rows,
    read_tensors,
    write_rows,
    write_tensors,
)

ROWS = [
    {"pair": 0, "delta": 1.5, "layers": [1.0, math.inf], "status": "converged", "weight": None},
    {"pair": 1, "delta": -2e300, "layers": [], "status": "Δ ≤ 0", "weight": 2.0},
]


def test_rows_survive_parquet_and_any_tool_reads_them(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    write_rows(path, ROWS)
    assert read_rows(path) == ROWS
    found = duckdb.sql(f"select sum(pair), min(delta) from '{path}'").fetchall()
    assert found == [(1, -2e300)]


def test_not_a_number_and_nothing_are_kept_apart(tmp_path: Path) -> None:
    write_rows(tmp_path / "rows.parquet", [{"gap": math.nan}, {"gap": None}])
    first, second = read_rows(tmp_path / "rows.parquet")
    assert math.isnan(first["gap"])
    assert second["gap"] is None


def test_a_column_that_the_first_row_lacks_is_not_lost(tmp_path: Path) -> None:
    write_rows(tmp_path / "rows.parquet", [{"a": 1}, {"a": 2, "b": 3}])
    assert read_rows(tmp_path / "rows.parquet") == [{"a": 1, "b": None}, {"a": 2, "b": 3}]


def test_no_rows_are_rows(tmp_path: Path) -> None:
    write_rows(tmp_path / "rows.parquet", [])
    assert read_rows(tmp_path / "rows.parquet") == []


def test_parts_are_read_in_the_order_of_their_names(tmp_path: Path) -> None:
    for step in (20, 3, 100):
        write_rows(tmp_path / f"part-{step:06}.parquet", [{"step": step}])
    (tmp_path / ".part-000200.parquet.7.tmp").write_bytes(b"half")
    assert [row["step"] for row in read_rows(tmp_path)] == [3, 20, 100]


@pytest.mark.parametrize("keep", [0, 3, 100, -1])
def test_a_truncated_parquet_file_is_refused(keep: int, tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    write_rows(path, ROWS)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ArtifactError) as caught:
        read_rows(path)
    message = str(caught.value)
    assert message.startswith(f"{path} is not a whole Parquet file (")
    assert message.endswith("): move it away and run again")
    assert "\n" not in message


def test_missing_rows_are_named(tmp_path: Path) -> None:
    for path in (tmp_path / "rows.parquet", tmp_path):
        with pytest.raises(ArtifactError) as caught:
            read_rows(path)
        assert str(caught.value) == (
            f"no rows at {path}: expected Parquet files written by seatbelt-vae"
        )


def test_tensors_survive_with_their_types(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    tensors = {
        "image": torch.randn(2, 3).mT.requires_grad_(),
        "half": torch.ones(2, dtype=torch.bfloat16),
        "count": torch.tensor(3),
    }
    write_tensors(path, tensors, about={"pairs": [[0, 1]]})
    found = read_tensors(path)
    assert set(found) == set(tensors)
    for name, tensor in tensors.items():
        assert found[name].dtype == tensor.dtype
        assert torch.equal(found[name], tensor.detach())
    header = path.read_bytes()
    size = int.from_bytes(header[:8], "little")
    about = json.loads(header[8 : 8 + size])["__metadata__"]["about"]
    assert json.loads(about) == {"pairs": [[0, 1]]}


class Poison:
    """A pickle of this makes a directory when it is opened."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.trace),)


def test_a_pickle_is_refused_unopened_whatever_its_name(tmp_path: Path) -> None:
    path, trace = tmp_path / "model.safetensors", tmp_path / "opened"
    for content in (pickle.dumps(Poison(trace)), _torch_saved(tmp_path, trace)):
        path.write_bytes(content)
        with pytest.raises(ArtifactError) as caught:
            read_tensors(path)
        message = str(caught.value)
        assert message.startswith(f"{path} is not a whole safetensors file (")
        assert message.endswith(
            "pickled weights (.pt, .bin) are refused: save them again as safetensors"
        )
        assert not trace.exists()


def _torch_saved(folder: Path, trace: Path) -> bytes:
    torch.save(Poison(trace), folder / "model.pt")
    return (folder / "model.pt").read_bytes()


@pytest.mark.parametrize("keep", [0, 5, 40, -1])
def test_a_truncated_safetensors_file_is_refused(keep: int, tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    write_tensors(path, {"x": torch.ones(100)})
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ArtifactError, match="is not a whole safetensors file"):
        read_tensors(path)


def test_missing_weights_are_named(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError) as caught:
        read_tensors(tmp_path / "x.safetensors")
    expected = f"no weights at {tmp_path / 'x.safetensors'}: expected a .safetensors file"
    assert str(caught.value) == expected


def test_a_new_run_folder_opens_with_the_settings_it_was_made_with(tmp_path: Path) -> None:
    config = RunConfig(data=DataConfig(images=100))
    made = RunFolder.create(tmp_path / "runs" / "one", config)
    assert RunFolder.open(made.path).config == config
    made.write_json("about.json", {"σ": [1, None]})
    assert made.read_json("about.json") == {"σ": [1, None]}


def test_a_folder_that_holds_something_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    for path in (tmp_path, tmp_path / "notes.txt"):
        with pytest.raises(ArtifactError) as caught:
            RunFolder.create(path, RunConfig())
        assert str(caught.value) == (
            f"{path} exists and is not empty: give another folder, or --resume to continue it"
        )
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_settings_without_a_run_are_only_taken_for_the_run_they_are_of(tmp_path: Path) -> None:
    """As a process leaves them that is killed while it makes the folder."""
    (tmp_path / "config.toml").write_text(dump_toml(RunConfig().stored))
    with pytest.raises(ArtifactError, match="exists and is not empty"):
        RunFolder.create(tmp_path, RunConfig(data=DataConfig(images=100)))
    assert RunFolder.create(tmp_path, RunConfig()).config == RunConfig()


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    errors = {
        "": "{} is not a run folder: expected run.json in it, made by `train`",
        "absent": "no such file or folder: {}; check the path",
    }
    for name, message in errors.items():
        with pytest.raises(ArtifactError) as caught:
            RunFolder.open(tmp_path / name)
        assert str(caught.value) == message.format(tmp_path / name)


@pytest.mark.parametrize(
    ("content", "found"), [('{"format": 99}', 99), ("{}", None), ("[1]", None), ("null", None)]
)
def test_a_run_folder_of_another_format_is_refused(
    content: str, found: object, tmp_path: Path
) -> None:
    (tmp_path / "run.json").write_text(content)
    with pytest.raises(ArtifactError) as caught:
        RunFolder.open(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path} is a run folder of format {found}, this version reads formats 1 to 3: use the "
        f"version that wrote it, or train again from its config.toml"
    )


@pytest.mark.parametrize("content", [b'{"format": 1', b"", b"\xff\xfe", b"{'format': 1}"])
def test_corrupt_json_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_bytes(content)
    with pytest.raises(ArtifactError) as caught:
        RunFolder.open(tmp_path)
    message = str(caught.value)
    assert message.startswith(f"{path} is not valid JSON (")
    assert message.endswith("): restore or remake it")
    assert "\n" not in message


def test_missing_json_is_named(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError) as caught:
        read_json(tmp_path / "x.json")
    assert str(caught.value) == (
        f"{tmp_path / 'x.json'} is missing: the work is not complete, resume it"
    )


json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)


@settings(max_examples=40, deadline=None)
@given(json_like, json_like)
def test_digests_tell_settings_apart(one: object, other: object) -> None:
    same = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    assert (digest_of(one) == digest_of(other)) == same
    assert len(digest_of(one)) == 16


def test_digests_see_names_types_shapes_and_values_of_tensors_but_not_their_order() -> None:
    base = torch.arange(6.0)
    variants = [
        {"a": base, "b": base},
        {"a": base, "c": base},
        {"a": base, "b": base.view(torch.int32)},
        {"a": base, "b": base.reshape(2, 3)},
        {"a": base, "b": base + 1},
        {"a": base},
    ]
    digests = [digest_of({}, tensors) for tensors in variants]
    assert len(set(digests)) == len(variants)
    assert digest_of({}, {"b": base, "a": base}) == digests[0]
    assert digest_of({}, {"a": base, "b": base.clone().requires_grad_()}) == digests[0]


def test_rows_of_numpy_scalars_are_rows(tmp_path: Path) -> None:
    write_rows(tmp_path / "rows.parquet", [{"a": np.float32(0.5), "n": np.int64(3)}])
    assert read_rows(tmp_path / "rows.parquet") == [{"a": 0.5, "n": 3}]
