"""The loss that settings mean, and its layers, path and draws."""

import pytest
import torch

from seatbelt_vae.attacks import (
    CodeDistance,
    GivenCode,
    IdentityDamage,
    LatentDistance,
    LatentLoss,
    LayerProduct,
    OutputDistance,
    OutputLoss,
    PosteriorDamage,
    ReconstructionDamage,
    ReconstructionDistance,
)
from seatbelt_vae.attacks.losses import loss_of
from seatbelt_vae.config import AttackConfig
from seatbelt_vae.config.loss_files import LOSSES, WITHOUT_FLOOR, declaration_of
from seatbelt_vae.errors import ConfigError
from tests.attacks.chain import Chain, generators, pictures

MEANT = {
    "latent-kl": LatentLoss((1, 2, 3), "kl", path="mean", draws=8),
    "latent-symmetric-kl": LatentLoss((1, 2, 3), "symmetric-kl", path="mean", draws=8),
    "latent-l2": LatentDistance((1, 2, 3), path="mean", draws=8),
    "latent-code": CodeDistance((1, 2, 3), path="mean", draws=8),
    "latent-target": GivenCode((1, 2, 3), "grey", path="mean", draws=8),
    "latent-w2": LatentLoss((1, 2, 3), "w2", path="mean", draws=8),
    "latent-zero": GivenCode((1, 2, 3), "zero", path="mean", draws=8),
    "output": OutputLoss(path="common", draws=8),
    "output-l2": OutputDistance(path="mean", draws=8),
    "output-reconstruction": ReconstructionDistance(path="mean", draws=8),
    "damage-identity": IdentityDamage(path="mean", draws=8),
    "damage-posterior": PosteriorDamage((1, 2, 3), "kl", path="mean", draws=8),
    "damage-reconstruction": ReconstructionDamage(path="mean", draws=8),
    "grill": LayerProduct(path="mean", draws=8),
}


def test_every_loss_of_the_settings_is_known():
    assert set(MEANT) == set(LOSSES)
    model, x = Chain(3, 2, 2), pictures(2)
    floors = {name: loss.bind(model, x, x, generators(2)).floor for name, loss in MEANT.items()}
    assert {name for name, floor in floors.items() if floor is None} == set(WITHOUT_FLOOR)


@pytest.mark.parametrize("name", MEANT)
def test_the_declaration_in_the_file_is_that_of_the_loss(name):
    declared, loss = declaration_of(name), MEANT[name]
    assert declared.targeted == loss.targeted
    assert declared.layers == hasattr(loss, "layers")
    assert declared.path == loss.path


@pytest.fixture
def new_loss_file(tmp_path, monkeypatch):
    """A file `away.py`, the only addition to the folder of losses."""
    (tmp_path / "away.py").write_text(
        'DECLARATION = {"targeted": False, "bounded": False, "path": "common"}\n'
    )
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
    threat = "l2" if name in WITHOUT_FLOOR else "penalty"
    assert loss_of(AttackConfig(name, threat=threat), 3) == MEANT[name]


@pytest.mark.parametrize("name", MEANT)
def test_path_draws_and_layers_are_handed_on(name):
    threat = "linf" if name in WITHOUT_FLOOR else "penalty"
    layers = "3,1" if "layers" in MEANT[name].__dict__ else "all"
    config = AttackConfig(name, layers, "sampled", draws=5, threat=threat, strength="single")
    loss = loss_of(config, 3)
    assert type(loss) is type(MEANT[name])
    assert (loss.path, loss.draws) == ("sampled", 5)
    assert getattr(loss, "layers", (3, 1)) == (3, 1)


@pytest.mark.parametrize("layers", [(0,), (3,), (-1, 1)])
@pytest.mark.parametrize("loss", [LatentLoss, LatentDistance, PosteriorDamage])
def test_a_layer_that_the_model_lacks_is_refused_by_the_constructed_loss(loss, layers):
    sides = (Chain(3, 2), pictures(1), pictures(1, 2), generators(1))
    with pytest.raises(ConfigError, match=r"of a model with 2: expected 1…2$"):
        loss(layers).bind(*sides)


@pytest.mark.parametrize(("layers", "number"), [("bottom", 1), ("2", 2), ("top", 3)])
@pytest.mark.parametrize(
    "name", ["latent-kl", "latent-w2", "latent-l2", "latent-code", "damage-posterior"]
)
def test_layer_1_is_next_to_the_data(name, layers, number):
    model, x, target = Chain(3, 2, 2), pictures(1), pictures(1, 2)
    point, pair = pictures(1, 3), torch.tensor([0])
    loss = loss_of(AttackConfig(name, layers, threat="l2"), 3)
    assert loss.layers == (number,)
    ours, aims = (model.encode(v) for v in (point, target if loss.targeted else x))
    one = number - 1
    q, p = ours.layers[one], aims.layers[one]
    expected = {
        "latent-kl": q.kl(p),
        "latent-w2": ((q.mean - p.mean).square() + (q.std - p.std).square()).sum(-1).sqrt(),
        "latent-l2": (ours.z[one] - aims.z[one]).norm(dim=-1),
        "latent-code": (ours.z[one] - aims.z[one]).norm(dim=-1),
        "damage-posterior": -q.kl(p),
    }[name]
    found = loss.bind(model, x, target, generators(1)).parts(point, pair)
    torch.testing.assert_close(found, expected[:, None])


def test_the_distance_of_codes_as_one_vector():
    model, x, target = Chain(3, 2, 2), pictures(1), pictures(1, 2)
    point, pair = pictures(1, 3), torch.tensor([0])
    loss = loss_of(AttackConfig("latent-code", "1,3", threat="l2"), 3)
    ours, aims = (torch.cat([model.encode(v).z[i] for i in (0, 2)], -1) for v in (point, target))
    found = loss.bind(model, x, target, generators(1)).parts(point, pair)
    torch.testing.assert_close(found, (ours - aims).norm(dim=-1)[:, None])


def test_a_layer_the_model_has_not_is_refused():
    with pytest.raises(ConfigError, match=r"^layers '4' of a model with 3: expected distinct"):
        loss_of(AttackConfig(layers="4"), 3)
