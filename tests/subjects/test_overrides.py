"""Settings that replace what an adapter assumes: in Python, on the command line, on resume."""

from pathlib import Path

import numpy as np
import pytest
import torch

from seatbelt_vae import load_data, open_subject
from seatbelt_vae.cli import main
from seatbelt_vae.config import AdapterConfig
from seatbelt_vae.errors import ConfigError, ForeignStateError
from seatbelt_vae.runs import read_json
from seatbelt_vae.subjects import store_subject
from tests.subjects.test_plausibility import blobs

MODEL = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.heads, self.back = nn.Linear(64, 8), nn.Linear(4, 64)
    def encode(self, x):
        mean, spread = self.heads(x.flatten(1)).chunk(2, dim=1)
        return mean, spread.exp()
    def decode(self, z):
        return self.back(z).view(-1, 1, 8, 8)

def load():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Net()

def one_tensor():
    net = load()
    net.encode = lambda x: net.heads(x.flatten(1))[:, :4]
    return net

def other(x):
    return 1 - x

def wrong_shape(x):
    return x[:, :, :2]

not_a_function = 3
"""


@pytest.fixture
def data(tmp_path, monkeypatch):
    """Images, beside a file `mine.py` of models, in the working folder."""
    np.save(tmp_path / "blobs.npy", (255 * blobs(120)[:, 0]).round().byte().numpy())
    (tmp_path / "mine.py").write_text(MODEL)
    monkeypatch.chdir(tmp_path)
    return load_data("array", tmp_path / "blobs.npy")


def opened(data, target="mine.py:load", **settings):
    return open_subject(target, data, AdapterConfig(**settings))


@pytest.mark.parametrize(
    ("code", "log_variance"),
    [("std", lambda s: 2 * s.log()), ("log-std", lambda s: 2 * s), ("variance", torch.log)],
)
def test_the_meaning_of_the_spread(code, log_variance, data):
    found, x = opened(data, code=code).model, blobs(5)
    _, spread = found.module.encode(x)
    torch.testing.assert_close(found.encode(x).layers[0].log_variance, log_variance(spread))
    assert opened(data, code="none").model.encode(x).layers == ()


@pytest.mark.parametrize(
    ("output", "image"),
    [
        ("image", lambda y: y),
        ("logits", lambda y: 2 * y.sigmoid() - 1),
        ("probability", lambda y: 2 * y - 1),
    ],
)
def test_the_meaning_of_the_output(output, image, data):
    found, x = opened(data, output=output, bounds="-1,1").model, blobs(5)
    assert found.bounds == (-1.0, 1.0)
    z = found.encode(x).z
    torch.testing.assert_close(found.decode(z).mean, image(found.module.decode(z[0])))


def test_no_bounds(data):
    assert opened(data, bounds="none").model.bounds is None


def test_a_forward_to_compare_with(data):
    assert not any("forward" in doubt for doubt in opened(data).doubts)
    doubts = opened(data, forward="mine.py:other").doubts
    assert any("differs from the model's own forward" in doubt for doubt in doubts)
    with pytest.raises(ConfigError, match=r"'mine\.py:not_a_function' is no function of inputs"):
        opened(data, forward="mine.py:not_a_function")
    for name, problem in (
        ("wrong_shape", "returned no reconstruction"),
        ("load", "fails on inputs"),
    ):
        with pytest.raises(ConfigError, match=problem):
            opened(data, forward=f"mine.py:{name}")


def test_settings_that_do_not_fit_are_refused(data):
    with pytest.raises(ConfigError, match="code 'std' for a model whose encode returns one tensor"):
        opened(data, "mine.py:one_tensor", code="std")
    with pytest.raises(ConfigError, match="code cannot be given for a Reconstruction"):
        opened(data, "mine.py:other", code="std")
    with pytest.raises(ConfigError, match="order cannot be given for a ForeignAutoencoder"):
        opened(data, order="top-down")
    with pytest.raises(ConfigError, match="perhaps you meant 'diffusers'"):
        opened(data, kind="diffuser")
    for wrong in ("1", "1,0", "a,b", "0,inf"):
        with pytest.raises(ConfigError, match=f"bounds are '{wrong}', expected two numbers"):
            AdapterConfig(bounds=wrong)
    with pytest.raises(ConfigError, match="unknown code 'stdev': perhaps you meant 'std'"):
        AdapterConfig(code="stdev")


def test_results_keep_the_settings_they_were_made_with(data, tmp_path):
    stored = store_subject(opened(data, code="std"), tmp_path / "results")
    (stored.place / "attacks").mkdir()
    again = open_subject(stored.place, data)
    assert again.model.code == "std"
    with pytest.raises(ForeignStateError, match=r"other code \(std\), expected log-variance"):
        open_subject(stored.place, data, AdapterConfig(code="log-variance"))
    with pytest.raises(ForeignStateError, match=r"other code \(std\), expected as found"):
        store_subject(opened(data), tmp_path / "results")


def test_a_folder_without_results_is_described_anew(data, tmp_path):
    stored = store_subject(opened(data, code="std"), tmp_path / "results")
    (stored.place / "audit").mkdir()
    (stored.place / "audit" / "report.html").touch()
    store_subject(opened(data), stored.place)
    assert open_subject(stored.place, data).model.code == "log-variance"
    (stored.place / "audit" / "about.json").touch()
    with pytest.raises(ForeignStateError, match="other code"):
        store_subject(opened(data, code="std"), stored.place)


@pytest.mark.usefixtures("data")
def test_the_command_line_states_the_reading_once(capfd):
    flags = ("--data", "array", "--root", "blobs.npy", "--bounds", "-1,1", "--code", "std")
    quick = ("--pairs", "2", "--weight-count", "3", "--restarts", "0", "--processes", "2")
    assert main(["attack", "mine.py:load", *flags, *quick]) == 0
    said = " ".join(capfd.readouterr().err.split())
    stated = "mine-load (reference): input: in [-1, 1]; code: std, 4; output: image;"
    assert said.count(stated) == 1
    assert read_json(Path("runs/mine-load/subject.json"))["settings"] == {
        "bounds": "-1,1",
        "code": "std",
    }
    assert main(["evaluate", "runs/mine-load", "--images", "5"]) == 0
    assert stated in " ".join(capfd.readouterr().err.split())
    assert main(["evaluate", "runs/mine-load", "--images", "5", "--code", "log-std"]) == 2
    assert "other code (std), expected log-std" in capfd.readouterr().err
