"""Stored models with damaged or mismatched files are refused."""

import json
from pathlib import Path

import pytest
import torch

from seatbelt_vae.config import ModelConfig, RunConfig, resolve
from seatbelt_vae.errors import ArtifactError
from seatbelt_vae.models import HierarchicalVAE, load_model, save_model
from seatbelt_vae.runs import RunFolder, read_tensors, write_tensors


def _model(features: int = 8) -> HierarchicalVAE:
    settings = ModelConfig("vae", network="mlp", latent_sizes=(2,), features=features)
    return HierarchicalVAE(resolve(settings, "dsprites", (1, 3, 3), (-1.0, 1.0)))


ARCHITECTURE = json.dumps(
    {
        "image_shape": [1, 16, 16],
        "bounds": [-1.0, 1.0],
        "latent_sizes": [2],
        "network": "conv",
        "filters": [8],
        "features": 8,
        "hierarchy_widths": [8],
        "likelihood": "gaussian",
        "variance": 0.1,
        "chain_likelihood": False,
    }
)


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    made = RunFolder.create(tmp_path / "run", RunConfig())
    save_model(_model(), made)
    return made


def _refusal(folder: RunFolder) -> str:
    with pytest.raises(ArtifactError) as caught:
        load_model(folder)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_weights_of_another_architecture_are_refused(folder: RunFolder) -> None:
    write_tensors(folder.path / "model.safetensors", _model(features=9).state_dict())
    message = _refusal(folder)
    assert message.startswith(
        f"{folder.path / 'model.safetensors'} does not fit the architecture in model.json (size "
        f"mismatch for "
    )
    assert message.endswith("): restore the pair of files, or train again")


def test_weights_that_lack_a_tensor_are_refused(folder: RunFolder) -> None:
    path = folder.path / "model.safetensors"
    weights = read_tensors(path)
    del weights["posterior_head.bias"]
    write_tensors(path, weights)
    assert "posterior_head.bias" in _refusal(folder)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("[]", "the content is [], expected a table of settings"),
        ('{"depth": 3}', "unknown setting 'depth': known: image_shape, bounds, latent_sizes"),
        ('{"bounds": [0, 1]}', "settings are missing that have no default: image_shape, latent"),
        (
            ARCHITECTURE.replace('"latent_sizes": [2]', '"latent_sizes": []'),
            "latent_sizes is (), expected one or more sizes of at least 1",
        ),
        (
            ARCHITECTURE.replace('"filters": [8]', '"filters": []'),
            "filters is (), expected one or more sizes of at least 1",
        ),
        ('{"image_shape": [4, 4]}', "image_shape is [4, 4], expected 3 values"),
    ],
)
def test_an_invalid_architecture_is_refused(content: str, reason: str, folder: RunFolder) -> None:
    path = folder.path / "model.json"
    path.write_text(content)
    message = _refusal(folder)
    assert message.startswith(f"{path} describes no model ({reason}")
    assert message.endswith("): restore it, or train again")


def test_missing_files_are_named(folder: RunFolder) -> None:
    (folder.path / "model.safetensors").unlink()
    assert _refusal(folder).startswith(f"no weights at {folder.path / 'model.safetensors'}")
    (folder.path / "model.json").unlink()
    assert _refusal(folder).startswith(f"{folder.path / 'model.json'} is missing")


def test_weights_are_those_of_the_given_model(folder: RunFolder) -> None:
    model = _model()
    save_model(model, folder)
    found = load_model(folder).state_dict()
    assert all(torch.equal(found[name], tensor) for name, tensor in model.state_dict().items())
