"""Files that cannot be read now, such as locked or remote ones, are left as they are."""

import errno
import os
import tempfile
from pathlib import Path

import pytest
import torch

from seatbelt_vae.config import RunConfig, dump_toml, load_toml
from seatbelt_vae.errors import UnreadableError
from seatbelt_vae.runs import (
    read_json,
    read_rows,
    read_tensors,
    write_json,
    write_rows,
    write_tensors,
)
from seatbelt_vae.training import train
from tests.training import small

from .test_data_files import without_privileges

FILES = {
    "settings.toml": (
        lambda path: path.write_text(dump_toml(RunConfig())),
        lambda path: load_toml(path, RunConfig),
    ),
    "about.json": (lambda path: write_json(path, {}), read_json),
    "rows.parquet": (lambda path: write_rows(path, [{"a": 1}]), read_rows),
    "model.safetensors": (lambda path: write_tensors(path, {"a": torch.ones(1)}), read_tensors),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_without_permission_is_not_called_corrupt(name):
    write, read = FILES[name]
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / name
        Path(place).chmod(0o755)
        write(path)
        read(path)
        path.chmod(0)
        with without_privileges(), pytest.raises(UnreadableError) as caught:
            read(path)
    assert str(caught.value).startswith(f"cannot read {path}: ")
    assert "Permission denied" in str(caught.value)
    assert str(caught.value).endswith(
        "it may be whole: make it readable and run the same command again"
    )


@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE, errno.EACCES])
@pytest.mark.parametrize("name", ["state.safetensors", "about.json"])
def test_a_checkpoint_that_cannot_be_read_now_is_kept(tmp_path, monkeypatch, name, number):
    run = small.trained(tmp_path / "run", small.config(), stop=small.stopped_after(16))
    checkpoints = sorted(run.path.glob("checkpoints/step-*"))
    read = Path.open

    def lost(path, *arguments, **options):
        if path == checkpoints[-1] / name:
            raise OSError(number, os.strerror(number), str(path))
        return read(path, *arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", lost)
        with pytest.raises(UnreadableError, match="it may be whole"):
            train(run, small.points())
    assert sorted(run.path.glob("checkpoints/step-*")) == checkpoints
    train(run, small.points())
    whole = small.trained(tmp_path / "whole", small.config())
    assert small.weight_bytes(run) == small.weight_bytes(whole)
