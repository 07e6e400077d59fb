"""The loss that settings mean, and its layers, path and draws."""

import pytest

from seatbelt_vae.attacks import (
    LatentDistance,
    LatentLoss,
    OutputDistance,
    OutputLoss,
    PosteriorDamage,
    ReconstructionDamage,
)
from seatbelt_vae.attacks.losses import loss_of
from seatbelt_vae.config import AttackConfig
from seatbelt_vae.config.loss_files import LOSSES, declaration_of
from seatbelt_vae.errors import ConfigError

MEANT = {
    "latent-kl": LatentLoss((0, 1, 2), "kl", path="mean", draws=8),
    "latent-symmetric-kl": LatentLoss((0, 1, 2), "symmetric-kl", path="mean", draws=8),
    "latent-l2": LatentDistance((0, 1, 2), path="mean", draws=8),
    "latent-w2": LatentLoss((0, 1, 2), "w2", path="mean", draws=8),
    "output": OutputLoss(path="common", draws=8),
    "output-l2": OutputDistance(path="mean", draws=8),
    "damage-posterior": PosteriorDamage((0, 1, 2), "kl", path="mean", draws=8),
    "damage-reconstruction": ReconstructionDamage(path="mean", draws=8),
}


def test_every_loss_of_the_settings_is_known():
    assert set(MEANT) == set(LOSSES)


@pytest.mark.parametrize("name", MEANT)
def test_the_declaration_in_the_file_is_that_of_the_loss(name):
    declared, loss = declaration_of(name), MEANT[name]
    assert declared.targeted == loss.targeted
    assert declared.layers == hasattr(loss, "layers")
    assert declared.path == loss.path


@pytest.fixture
def new_loss_file(tmp_path, monkeypatch):
    """A file `away.py`, the only addition to the folder of losses."""
    (tmp_path / "away.py").write_text('DECLARATION = {"targeted": False, "path": "common"}\n')
    monkeypatch.setattr("seatbelt_vae.config.loss_files._FOLDER", tmp_path)
    monkeypatch.setattr("seatbelt_vae.config.attack.LOSSES", (*LOSSES, "away"))
    yield
    declaration_of.cache_clear()


@pytest.mark.usefixtures("new_loss_file")
def test_a_new_loss_needs_one_file():
    assert AttackConfig("away", threat="l2").path_used == "common"
    with pytest.raises(ConfigError, match="an untargeted attack overruns"):
        AttackConfig("away")
    with pytest.raises(ConfigError, match="which has no layers to choose"):
        AttackConfig("away", "top", threat="l2")


@pytest.mark.parametrize("name", MEANT)
def test_the_defaults(name):
    threat = "l2" if name.startswith("damage") else "penalty"
    assert loss_of(AttackConfig(name, threat=threat), 3) == MEANT[name]


@pytest.mark.parametrize("name", MEANT)
def test_path_draws_and_layers_are_handed_on(name):
    threat = "linf" if name.startswith("damage") else "penalty"
    layers = "3,1" if "layers" in MEANT[name].__dict__ else "all"
    config = AttackConfig(name, layers, "sampled", draws=5, threat=threat, strength="single")
    loss = loss_of(config, 3)
    assert type(loss) is type(MEANT[name])
    assert (loss.path, loss.draws) == ("sampled", 5)
    assert getattr(loss, "layers", (2, 0)) == (2, 0)


def test_a_layer_the_model_has_not_is_refused():
    with pytest.raises(ConfigError, match=r"^layers '4' of a model with 3: expected distinct"):
        loss_of(AttackConfig(layers="4"), 3)
