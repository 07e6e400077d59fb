"""Models with fused layers for training against the original models."""

import copy

import pytest
import torch
from torch import nn

from seatbelt_vae.config import ModelConfig, resolve
from seatbelt_vae.models import for_training
from seatbelt_vae.models.batch_norm import BatchNormReLU
from seatbelt_vae.models.fused_conv import FromImage, ToImage
from seatbelt_vae.objectives import Objective
from seatbelt_vae.protocol import draw_noise
from tests.random_models import random_model

OBJECTIVE = Objective()
SHAPES = {"square": (1, 16, 16), "coloured, with a border": (3, 18, 22)}


@pytest.fixture(params=["vae", "seatbelt"])
def preset(request):
    return request.param


def pair(preset, shape, filters):
    """A model, and its copy for training."""
    config = ModelConfig(preset=preset, filters=filters, features=8, hierarchy_widths=(8,) * 3)
    model = random_model(resolve(config, "toy", shape, (-1.0, 1.0)))
    other = copy.deepcopy(model)
    for_training(other)
    return model, other


def error(found, expected):
    return ((found - expected).norm() / expected.norm().clamp_min(1e-12)).item()


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("filters", [(4, 6), (16, 6)], ids=["plain ends", "joined ends"])
def test_a_model_for_training_is_the_same_model(preset, shape, filters):
    models = pair(preset, shape, filters)
    x = torch.rand((32, *shape), generator=torch.Generator().manual_seed(0)) * 2 - 1
    noise = draw_noise(models[0].latent_sizes, (32,), torch.Generator().manual_seed(0))
    for mode in (True, False):
        found = [m.train(mode).decode(m.encode(x, noise).z).mean.double() for m in models]
        assert error(found[1], found[0]) < 1e-5
    states = [model.state_dict() for model in models]
    assert list(states[0]) == list(states[1])
    for name, tensor in states[0].items():
        torch.testing.assert_close(states[1][name], tensor, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_its_gradients_are_the_same(preset, shape):
    models = pair(preset, shape, (16, 6))
    x = torch.rand((32, *shape), generator=torch.Generator().manual_seed(0)) * 2 - 1
    noise = draw_noise(models[0].latent_sizes, (32,), torch.Generator().manual_seed(0))
    for model in models:
        OBJECTIVE(model, x, noise).objective.backward()
    for (name, expected), (_, found) in zip(*(m.named_parameters() for m in models), strict=True):
        scale = expected.grad.norm().clamp_min(1e-3)
        assert (found.grad - expected.grad).norm() < 1e-4 * scale, name


def test_fused_layers():
    _, model = pair("vae", (1, 16, 16), (16, 6))
    kinds = [type(module) for module in model.modules()]
    assert (kinds.count(FromImage), kinds.count(ToImage)) == (1, 1)
    assert BatchNormReLU in kinds
    assert nn.BatchNorm2d not in kinds
    _, model = pair("vae", (1, 16, 16), (4, 6))
    kinds = [type(module) for module in model.modules()]
    assert not {FromImage, ToImage} & {*kinds}


def test_a_copy_shares_no_weights():
    _, model = pair("vae", (1, 16, 16), (16, 6))
    other = copy.deepcopy(model)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.zero_()
    x = torch.rand(4, 1, 16, 16)
    assert not other.encoder(x).any()
    assert model.encoder(x).any()
