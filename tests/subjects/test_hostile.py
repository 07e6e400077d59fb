"""Hostile and broken targets: each is refused or bounded, with one line and no code executed."""

import json
import os
import pickle
import struct
import subprocess
import sys
import time
import zipfile

import numpy as np
import pytest
from torch import nn

from seatbelt_vae import load_data, open_subject, references
from seatbelt_vae.errors import SeatbeltError
from tests.subjects.test_kinds import export


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "images.npy"
    np.save(path, np.random.default_rng(0).integers(0, 256, (60, 12, 12), "u1"))
    return load_data("array", path)


class Bomb:
    """Unpickling it creates a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def safetensors(header, claimed=None):
    content = json.dumps(header).encode()
    return struct.pack("<Q", len(content) if claimed is None else claimed) + content


TERABYTES = {"w": {"dtype": "F32", "shape": [1 << 40], "data_offsets": [0, 1 << 42]}}
PYTHAE, DIFFUSERS = "model_config.json", "config.json"
SIZES = '{"name": "VAEConfig", "input_dim": [1, 12, 12], "latent_dim": %d}'

FILES = {
    "header of terabytes": ({"a.safetensors": safetensors({}, 1 << 42)}, "not a whole safetensors"),
    "tensor of terabytes": ({"a.safetensors": safetensors(TERABYTES)}, "not a whole safetensors"),
    "path as a model": (
        {PYTHAE: b'{"name": "../../etc/passwdConfig"}', "model.pt": b""},
        "names the model '../../etc/passwd', which pythae lacks",
    ),
    "module as a model": (
        {PYTHAE: b'{"name": "base"}', "model.pt": b""},
        "names the model 'base', which pythae lacks",
    ),
    "list as settings": ({PYTHAE: b"[1, 2]", "model.pt": b""}, "which pythae lacks"),
    "terabytes of pythae": (
        {PYTHAE: (SIZES % 10**11).encode(), "model.pt": b"x" * 99},
        r"states [\d,]+ weights, more than model.pt has bytes",
    ),
    "gigabytes of pythae": (
        {PYTHAE: (SIZES % 10**6).encode(), "model.pt": b"x" * 99},
        r"states [\d,]+ weights, more than model.pt has bytes",
    ),
    "path as a class": (
        {DIFFUSERS: b'{"_class_name": "../../x"}'},
        r"holds a \.\./\.\./x, expected",
    ),
    "list as a class": ({DIFFUSERS: b'{"_class_name": ["os"]}'}, "is no subject: expected"),
    "no mapping": ({DIFFUSERS: b"[1]"}, "is no subject: expected"),
    "no program": ({"encode.pt2": b"", "decode.pt2": b""}, "encode.pt2 cannot be loaded"),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("files", "message"), FILES.values(), ids=FILES)
def test_files_are_refused_in_one_line(files, message, tmp_path, data, caplog):
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    (only, *others) = files
    target = tmp_path if others or not only.endswith(".safetensors") else tmp_path / only
    with pytest.raises(SeatbeltError, match=message) as caught:
        open_subject(target, data)
    assert "\n" not in str(caught.value)
    assert "Traceback" not in caplog.text


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("pickled", ["sample inputs", "weights"])
def test_no_pickle_of_a_program_is_executed(pickled, tmp_path, data):
    net = nn.Sequential(nn.Flatten(), nn.Linear(144, 144), nn.Unflatten(1, (1, 12, 12)))
    export(net, tmp_path / "good.pt2", 1, 12, 12)
    open_subject(tmp_path / "good.pt2", data)
    trace = tmp_path / "trace"
    with (
        zipfile.ZipFile(tmp_path / "good.pt2") as good,
        zipfile.ZipFile(tmp_path / "bad.pt2", "w") as bad,
    ):
        for name in good.namelist():
            content = good.read(name)
            if "sample_inputs" in name and pickled == "sample inputs":
                content = pickle.dumps(Bomb(trace))
            if "/weights/" in name and pickled == "weights":
                content = pickle.dumps(Bomb(trace))
                if name.endswith(".json"):
                    content = good.read(name).replace(b'"use_pickle": false', b'"use_pickle": true')
            bad.writestr(name, content)
    with pytest.raises(SeatbeltError, match=r"bad\.pt2 cannot be loaded") as caught:
        open_subject(tmp_path / "bad.pt2", data)
    assert "\n" not in str(caught.value)
    assert not trace.exists()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["model.pt", "diffusion_pytorch_model.bin", "encode.pt2"])
def test_no_pickle_is_executed(name, tmp_path, data):
    trace = tmp_path / "trace"
    (tmp_path / name).write_bytes(pickle.dumps(Bomb(trace)))
    settings = {"model.pt": (PYTHAE, SIZES % 2), "encode.pt2": ("decode.pt2", "")}
    file, text = settings.get(name, (DIFFUSERS, '{"_class_name": "AutoencoderTiny"}'))
    (tmp_path / file).write_text(text)
    with pytest.raises(SeatbeltError):
        open_subject(tmp_path, data)
    assert not trace.exists()


CODE = {
    "exits at import": ("raise SystemExit(7)", "importing .* failed: SystemExit: 7"),
    "exits when called": ("def load():\n    raise SystemExit(7)", "calling .* failed: SystemExit"),
    "calls itself": ("def load():\n    return load()", "calling .* failed: RecursionError"),
    "wrong syntax": ("def load(:", "importing .* failed: SyntaxError"),
}


@pytest.mark.parametrize(("text", "message"), CODE.values(), ids=CODE)
def test_code_that_fails_is_one_line(text, message, tmp_path, data):
    (tmp_path / "mine.py").write_text(text)
    with pytest.raises(SeatbeltError, match=message) as caught:
        open_subject(f"{tmp_path}/mine.py:load", data)
    assert "\n" not in str(caught.value)


def test_code_that_sleeps_is_named_while_it_runs(tmp_path, data, monkeypatch, caplog):
    monkeypatch.setattr(references, "_SLOW", 0.05)
    (tmp_path / "mine.py").write_text("import time\ntime.sleep(0.4)\nload = lambda x: x\n")
    open_subject(f"{tmp_path}/mine.py:load", data)
    assert "takes more than 0.05 s: Ctrl-C stops it" in caplog.text
    waiting = len(caplog.records)
    time.sleep(0.1)
    assert len(caplog.records) == waiting


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
def test_a_copy_that_a_module_forks_does_not_go_on(tmp_path):
    (tmp_path / "mine.py").write_text("import os\nos.fork()\nvalue = 3\n")
    code = (
        "from seatbelt_vae.references import resolve_reference as f\n"
        f"print(f({str(tmp_path / 'mine.py') + ':value'!r}))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "3\n"
