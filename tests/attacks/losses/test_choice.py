"""The loss that settings mean, and its layers, path and draws."""

import pytest

from seatbelt_vae.attacks import (
    GivenCode,
    IdentityDamage,
    LatentDistance,
    LatentLoss,
    LayerProduct,
    OutputDistance,
    OutputLoss,
    PosteriorDamage,
    ReconstructionDamage,
)
from seatbelt_vae.attacks.losses import loss_of
from seatbelt_vae.config import AttackConfig
from seatbelt_vae.config.attack import LOSSES, WITHOUT_FLOOR
from seatbelt_vae.errors import ConfigError
from tests.attacks.chain import Chain, generators, pictures

MEANT = {
    "latent-kl": LatentLoss((0, 1, 2), "kl", path="mean", draws=8),
    "latent-symmetric-kl": LatentLoss((0, 1, 2), "symmetric-kl", path="mean", draws=8),
    "latent-l2": LatentDistance((0, 1, 2), path="mean", draws=8),
    "latent-target": GivenCode((0, 1, 2), "grey", path="mean", draws=8),
    "latent-w2": LatentLoss((0, 1, 2), "w2", path="mean", draws=8),
    "latent-zero": GivenCode((0, 1, 2), "zero", path="mean", draws=8),
    "output": OutputLoss(path="common", draws=8),
    "output-l2": OutputDistance(path="mean", draws=8),
    "damage-identity": IdentityDamage(path="mean", draws=8),
    "damage-posterior": PosteriorDamage((0, 1, 2), "kl", path="mean", draws=8),
    "damage-reconstruction": ReconstructionDamage(path="mean", draws=8),
    "grill": LayerProduct(path="mean", draws=8),
}


def test_every_loss_of_the_settings_is_known():
    assert set(MEANT) == set(LOSSES)
    model, x = Chain(3, 2, 2), pictures(2)
    floors = {name: loss.bind(model, x, x, generators(2)).floor for name, loss in MEANT.items()}
    assert {name for name, floor in floors.items() if floor is None} == set(WITHOUT_FLOOR)


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
    assert getattr(loss, "layers", (2, 0)) == (2, 0)


def test_a_layer_the_model_has_not_is_refused():
    with pytest.raises(ConfigError, match=r"^layers '4' of a model with 3: expected distinct"):
        loss_of(AttackConfig(layers="4"), 3)
