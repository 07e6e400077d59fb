"""Models of other libraries are hardened and opened again."""

import numpy as np
import pytest
import torch

from seatbelt_vae import load_data, open_subject
from seatbelt_vae.config import HardeningConfig
from seatbelt_vae.errors import ConfigError
from seatbelt_vae.hardening import defend
from tests.subjects.test_kinds import (
    Map,
    Small,
    bars,
    export,
    saved_by_diffusers,
    trained_by_pythae,
)

SETTINGS = HardeningConfig(steps=2, batch_size=4)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    for channels, side in ((1, 12), (3, 32)):
        np.save(root / f"{channels}.npy", bars(side, channels))
    return {channels: load_data("array", root / f"{channels}.npy") for channels in (1, 3)}


def check(target, data, folder, settings=SETTINGS):
    """Harden, open again, and compare codes; the decoder has not changed."""
    plain = open_subject(target, data)
    found = defend(plain, data, settings, out=folder).subject
    again = open_subject(folder, data)
    assert again.digest == found.digest != plain.digest
    x = again.images(data).test.batch(np.arange(2))
    codes = [subject.model.encode(x).z for subject in (plain, found, again)]
    assert torch.equal(codes[1][0], codes[2][0])
    assert not torch.equal(codes[0][0], codes[2][0])
    assert torch.equal(plain.model.decode(codes[0]).mean, again.model.decode(codes[0]).mean)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ["VAE", "VQVAE"])
def test_pythae(kind, data, tmp_path):
    pytest.importorskip("pythae", reason="the extra `pythae` is not installed")
    _, folder = trained_by_pythae(kind, tmp_path / "pythae")
    objective = "codes" if kind == "VQVAE" else "reconstruction"
    settings = HardeningConfig(steps=2, batch_size=4, objective=objective)
    check(folder, data[1], tmp_path / "hard", settings)


@pytest.mark.filterwarnings("ignore")
def test_diffusers(data, tmp_path):
    pytest.importorskip("diffusers", reason="the extra `diffusers` is not installed")
    saved_by_diffusers("AutoencoderKL", tmp_path / "saved")
    check(tmp_path / "saved", data[3], tmp_path / "hard")


@pytest.mark.filterwarnings("ignore")
def test_two_exported_programs(data, tmp_path):
    torch.manual_seed(0)
    model, target = Small(), tmp_path / "programs"
    target.mkdir()
    export(Map(model, "encode"), target / "encode.pt2", 1, 12, 12)
    export(Map(model, "decode"), target / "decode.pt2", 4)
    check(target, data[1], tmp_path / "hard")


@pytest.mark.filterwarnings("ignore")
def test_one_program_has_no_encoder(data, tmp_path):
    torch.manual_seed(0)
    export(Small(), tmp_path / "whole.pt2", 1, 12, 12)
    subject = open_subject(tmp_path / "whole.pt2", data[1])
    with pytest.raises(ConfigError, match="no weight belongs to the encoder alone"):
        defend(subject, data[1], SETTINGS, out=tmp_path / "hard")
