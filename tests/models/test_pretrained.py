"""Shared models load bit for bit; damaged or pickled files are refused."""

import json
import pickle
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from huggingface_hub import ModelHubMixin
from safetensors.torch import load_file, save_file

from seatbelt_vae.config import DataConfig, ModelConfig, RunConfig, resolve
from seatbelt_vae.errors import ArtifactError
from seatbelt_vae.models import HierarchicalVAE
from tests.random_models import random_model
from tests.runs.test_stores import Poison

CONFIG = RunConfig(
    DataConfig("dsprites", root="/home/ada/pictures", images=100),
    ModelConfig(
        "seatbelt", latent_sizes=(4, 3), filters=(4, 8), features=16, hierarchy_widths=(8,)
    ),
)

FRESH = """
import sys, torch
from seatbelt_vae import HierarchicalVAE

model = HierarchicalVAE.from_pretrained(sys.argv[1])
with torch.no_grad():
    print(model.decode(model.encode(torch.ones(2, 1, 16, 16)).z).mean.double().sum().item().hex())
"""


def _model(settings: ModelConfig = CONFIG.model) -> HierarchicalVAE:
    torch.manual_seed(0)
    model = random_model(resolve(settings, "dsprites", (1, 16, 16), (-1.0, 1.0)))
    model.encode(torch.randn(8, 1, 16, 16))  # moves the running moments of BatchNorm
    model.trained_as = replace(CONFIG, model=settings)
    return model


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """A shared model's folder."""
    _model().save_pretrained(tmp_path / "shared")
    return tmp_path / "shared"


def test_the_folder_has_the_files_of_the_hugging_face_hub(shared: Path) -> None:
    assert sorted(path.name for path in shared.iterdir()) == [
        "README.md",
        "config.json",
        "model.safetensors",
    ]
    assert isinstance(_model(), ModelHubMixin)


@pytest.mark.parametrize("network", ["conv", "mlp"])
def test_a_saved_model_loads_bit_for_bit(network: str, tmp_path: Path) -> None:
    model = _model(replace(CONFIG.model, network=network))
    model.save_pretrained(tmp_path / "shared")
    loaded = HierarchicalVAE.from_pretrained(str(tmp_path / "shared"))
    assert not loaded.training
    assert loaded.architecture == model.architecture
    weights, theirs = loaded.state_dict(), load_file(tmp_path / "shared" / "model.safetensors")
    assert weights.keys() == theirs.keys() == model.state_dict().keys()
    for name, tensor in model.state_dict().items():
        assert torch.equal(weights[name], tensor)
        assert torch.equal(theirs[name], tensor)


def test_a_fresh_process_computes_the_same(shared: Path) -> None:
    model = _model().eval()
    with torch.no_grad():
        image = model.decode(model.encode(torch.ones(2, 1, 16, 16)).z).mean
    ended = subprocess.run(
        [sys.executable, "-c", FRESH, str(shared)], capture_output=True, text=True, check=True
    )
    assert ended.stdout == f"{image.double().sum().item().hex()}\n"
    assert ended.stderr == ""


def test_settings_are_shared_without_the_folder_of_the_data(shared: Path) -> None:
    for path in shared.iterdir():
        assert b"ada/pictures" not in path.read_bytes()
    loaded = HierarchicalVAE.from_pretrained(shared)
    assert loaded.trained_as == replace(CONFIG, data=DataConfig("dsprites", images=100))
    loaded.save_pretrained(shared.parent / "again")
    again, first = (folder / "config.json" for folder in (shared.parent / "again", shared))
    assert again.read_bytes() == first.read_bytes()


def test_a_model_without_a_run_is_shared(tmp_path: Path) -> None:
    model = _model()
    model.trained_as = None
    model.save_pretrained(tmp_path)
    assert HierarchicalVAE.from_pretrained(tmp_path).trained_as is None
    assert "Its training is not recorded" in (tmp_path / "README.md").read_text()


def _refusal(folder: Path) -> str:
    with pytest.raises(ArtifactError) as caught:
        HierarchicalVAE.from_pretrained(folder)
    message = str(caught.value)
    assert "\n" not in message
    return message


def _rewrite(shared: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    path = shared / "config.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps(change(content)))


@pytest.mark.parametrize("keep", [0, 1, 40])
def test_a_config_that_is_cut_off_is_refused(keep: int, shared: Path) -> None:
    path = shared / "config.json"
    path.write_bytes(path.read_bytes()[:keep])
    assert _refusal(shared).startswith(f"{path} is not valid JSON (")


@pytest.mark.parametrize("found", [None, 0, 99, "1"])
def test_a_config_of_another_format_is_refused(found: object, shared: Path) -> None:
    _rewrite(shared, lambda config: config | {"format": found})
    assert _refusal(shared) == (
        f"{shared} is a shared model of format {found}, this version reads formats 1 to 3: use the "
        f"version that wrote it"
    )


def test_a_foreign_config_is_refused(shared: Path) -> None:
    (shared / "config.json").write_text('{"_class_name": "AutoencoderKL"}')
    assert "is a shared model of format None" in _refusal(shared)
    (shared / "config.json").write_text("[1]")
    assert "is a shared model of format None" in _refusal(shared)


@pytest.mark.parametrize(
    ("part", "key", "value", "reason"),
    [
        ("architecture", "depth", 3, "unknown setting 'architecture.depth': known: image_shape"),
        ("architecture", "variance", "big", "architecture.variance is 'big', expected float"),
        ("architecture", "variance", -1.0, "variance is -1, expected a finite number above 0"),
        ("settings", "modle", {}, "unknown setting 'settings.modle': perhaps you meant 'model'"),
    ],
)
def test_a_config_that_describes_no_model_is_refused(
    part: str, key: str, value: object, reason: str, shared: Path
) -> None:
    _rewrite(shared, lambda config: config | {part: config[part] | {key: value}})
    message = _refusal(shared)
    assert message.startswith(f"{shared / 'config.json'} describes no model ({reason}")
    assert message.endswith("): restore it, or share again")


def test_a_config_without_an_architecture_is_refused(shared: Path) -> None:
    _rewrite(shared, lambda config: {"format": config["format"]})
    assert "(architecture is None, expected a table of settings)" in _refusal(shared)


def test_weights_of_other_shapes_are_refused(shared: Path) -> None:
    _rewrite(
        shared, lambda config: config | {"architecture": config["architecture"] | {"features": 9}}
    )
    message = _refusal(shared)
    path = shared / "model.safetensors"
    assert message.startswith(f"{path} does not fit the architecture in config.json (size mismatch")
    assert message.endswith("): restore the pair of files, or share again")


@pytest.mark.parametrize("change", ["lacks", "has more"])
def test_missing_or_additional_weights_are_refused(change: str, shared: Path) -> None:
    path = shared / "model.safetensors"
    weights = load_file(path)
    if change == "lacks":
        del weights["posterior_head.bias"]
    else:
        weights["posterior_head.more"] = torch.zeros(1)
    save_file(weights, path)
    assert "posterior_head." in _refusal(shared)


def test_weights_that_are_cut_off_are_refused(shared: Path) -> None:
    path = shared / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    assert _refusal(shared).startswith(f"{path} is not a whole safetensors file (")


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "last.ckpt", "vae.pth"])
def test_pickled_weights_are_refused_unopened(name: str, shared: Path) -> None:
    trace = shared / "opened"
    (shared / "model.safetensors").unlink()
    (shared / name).write_bytes(pickle.dumps(Poison(trace)))
    assert _refusal(shared) == (
        f"{shared} holds its weights as {name}; pickled weights are refused, because loading one "
        f"can run any code: save them again as model.safetensors"
    )
    (shared / name).rename(shared / "model.safetensors")
    assert "pickled weights (.pt, .bin) are refused" in _refusal(shared)
    assert not trace.exists()


def test_other_folders_are_named_in_the_error(shared: Path) -> None:
    empty = shared.parent / "empty"
    for folder in (empty, shared.parent):
        assert _refusal(folder) == (
            f"{folder} is no shared model: expected config.json and model.safetensors, written "
            f"by `share`"
        )
    empty.mkdir()
    (empty / "run.json").write_text('{"format": 1}')
    assert _refusal(empty) == (
        f"{empty} is a run folder, not a shared model: use load_model, or share it first"
    )
    (shared / "model.safetensors").unlink()
    assert _refusal(shared).startswith(f"no weights at {shared / 'model.safetensors'}")
