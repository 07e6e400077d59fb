"""The models of the zoo: every one opens offline, is small, and states no path of a machine."""

import fnmatch
import re
import runpy
import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import seatbelt_vae
from seatbelt_vae import open_subject
from seatbelt_vae.auditing.audited_images import audited_images
from seatbelt_vae.config import AdapterConfig, DataConfig
from seatbelt_vae.config.audit import AuditConfig
from seatbelt_vae.data.in_memory import data_in_memory
from seatbelt_vae.errors import ConfigError
from seatbelt_vae.hardening import defend
from seatbelt_vae.models import load_model
from seatbelt_vae.runs import RunFolder
from seatbelt_vae.runs.zoo_folder import zoo_models
from tests.attacks.suite_runs import make_run

DIGESTS = {
    "faces-denoising": "757e28f05dcecf24",
    "faces-seatbelt": "8df4a12a0abb4ccd",
    "faces-vae": "dcf01f45846c7b2f",
}
FILES = {"README.md", "config.toml", "model.json", "model.safetensors", "run.json"}
PACKAGE = Path(seatbelt_vae.__file__).parent


def decoded(subject, count=40):
    """The model's own images for random codes."""
    with torch.no_grad():
        images = subject.model.generate(count, torch.Generator().manual_seed(0))
    return data_in_memory(images.clamp(-1, 1), (-1.0, 1.0))


@pytest.mark.parametrize("name", DIGESTS)
def test_a_model_opens_and_reconstructs(name):
    subject = open_subject(f"zoo:{name}")
    assert (subject.name, subject.kind, subject.source) == (name, "zoo", f"zoo:{name}")
    assert subject.folder is None
    assert subject.digest == DIGESTS[name]
    x = decoded(subject).test.batch(np.arange(4))
    with torch.no_grad():
        found = subject.model.decode(subject.model.encode(x).z).mean
    assert (found - x).square().mean() < 0.4 * (x - x.mean(0)).square().mean()


@pytest.mark.parametrize("name", DIGESTS)
def test_a_card_states_licence_data_command_and_results(name):
    card = (PACKAGE / "zoo" / name / "README.md").read_text("utf-8")
    for heading in ("How to load it", "The model", "The data", "The objective", "The training"):
        assert f"\n## {heading}\n" in card
    assert "\n## Measures\n" in card
    assert "\nlicense: mit\n" in card
    assert "The training images: " in card
    assert f'open_subject("zoo:{name}").model\n' in card
    assert f"\n    seatbelt-vae train {name} --config config.toml" in card
    assert "name: gap@0.2\n" in card


def test_the_zoo_is_complete_and_small():
    assert set(zoo_models()) == set(DIGESTS)
    files = [path for path in (PACKAGE / "zoo").rglob("*") if path.is_file()]
    assert {path.name for path in files} == FILES
    assert len(files) == len(FILES) * len(DIGESTS)
    assert sum(path.stat().st_size for path in files) <= 30e6
    for folder in zoo_models().values():
        assert sum(path.stat().st_size for path in folder.path.iterdir()) <= 3e6


def test_no_file_states_a_path_of_a_machine():
    for path in (PACKAGE / "zoo").rglob("*.*"):
        content = path.read_bytes()
        if path.suffix == ".safetensors":  # its header; the weights are arbitrary bytes
            content = content[8 : 8 + int.from_bytes(content[:8], "little")]
        assert re.search(rb"(/work|/tmp|/home|/root|/Users|[A-Z]:\\\\)", content) is None, path
    assert {run.config.data.root for run in zoo_models().values()} == {None}


def test_wheels_have_every_file():
    text = (PACKAGE.parents[1] / "pyproject.toml").read_text()
    globs = tomllib.loads(text)["tool"]["setuptools"]["package-data"]["seatbelt_vae"]
    for path in (PACKAGE / "zoo").rglob("*"):
        if path.is_file():
            place = path.relative_to(PACKAGE).as_posix()
            assert any(
                fnmatch.fnmatch(place, glob) and place.count("/") == glob.count("/")
                for glob in globs
            ), place


@pytest.mark.parametrize(
    ("target", "guess"),
    [
        ("zoo:", "''"),
        ("zoo:face-vae", "'face-vae': perhaps you meant 'faces-vae'; "),
        ("zoo:../zoo/faces-vae", "'../zoo/faces-vae': perhaps you meant 'faces-vae'; "),
    ],
)
def test_an_unknown_name_is_answered_with_the_known_ones(target, guess):
    with pytest.raises(ConfigError) as caught:
        open_subject(target)
    guess = guess if ":" in guess else f"{guess}: "
    assert str(caught.value) == f"unknown zoo model {guess}known: {', '.join(DIGESTS)}"


def test_a_reading_of_the_user_is_refused():
    with pytest.raises(ConfigError, match=r"code for zoo:faces-vae, whose model states its own"):
        open_subject("zoo:faces-vae", settings=AdapterConfig(code="std"))


def test_only_held_out_images_of_the_training_data_are_audited():
    subject = open_subject("zoo:faces-vae")
    data = decoded(subject)
    config = AuditConfig(pairs=2)
    assert len(audited_images(subject, data, config).data.test) == 40
    known = audited_images(subject, replace(data, name="faces"), config)
    assert len(known.data.test) == len(data.test) < 40
    behind = open_subject("zoo:faces-vae", defence="averaging:2")
    assert len(audited_images(behind, replace(data, name="faces"), config).data.test) < 40


def test_a_model_can_be_hardened(tmp_path):
    subject = open_subject("zoo:faces-vae")
    settings = seatbelt_vae.HardeningConfig(steps=1, batch_size=4)
    defend(subject, decoded(subject), settings, out=tmp_path / "hard")
    hardened = open_subject(tmp_path / "hard")
    assert hardened.kind == "run"
    assert hardened.digest != subject.digest


def test_a_run_becomes_a_model_of_the_zoo(tmp_path):
    run = make_run(tmp_path / "run")
    np.save(tmp_path / "images.npy", np.random.default_rng(0).integers(0, 256, (20, 32, 32), "u1"))
    data = DataConfig("array", root=str(tmp_path / "images.npy"))
    run.store_config(replace(run.config, data=data))
    add = runpy.run_path(str(PACKAGE.parents[1] / "docs" / "zoo.py"))["add"]
    add(run.path, tmp_path / "zoo" / "made")
    written = RunFolder.open(tmp_path / "zoo" / "made")
    assert {path.name for path in written.path.iterdir()} == FILES
    assert written.config == replace(run.config, data=DataConfig("array"))
    for name, weights in load_model(run).state_dict().items():
        assert torch.equal(load_model(written).state_dict()[name], weights)
    assert "train made --config config.toml --root FOLDER\n" in (
        written.path / "README.md"
    ).read_text("utf-8")
    assert all(str(tmp_path).encode() not in path.read_bytes() for path in written.path.iterdir())
