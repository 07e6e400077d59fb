"""Losses of codes without a target: distances from 0, from a grey input's code, from any code."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from seatbelt_vae.attacks import GivenCode, attack
from seatbelt_vae.config import AttackConfig
from seatbelt_vae.errors import ConfigError, ShapeError
from seatbelt_vae.protocol import Capabilities
from tests.attacks.chain import SHAPE, Chain, generators, noise_of, pictures, slopes, walked
from tests.attacks.models import TwoLayers, images

ROWS = [2, 0, 0, 1, 2]
PATHS = ["mean", "common", "sampled"]
OWN = [np.linspace(-1, 1, 3), np.array([0.5, -2.0])]
CODES = {
    "zero": [np.zeros(3), np.zeros(2)],
    "grey": [layer.z for layer in walked(Chain(3, 2), np.full(SHAPE, 0.25))],
    "own": OWN,
}


class Lopsided(Chain):
    """The middle of the bounds is 0.25."""

    bounds = (-1.5, 2.0)


def loss_of(code, layers=(1, 2), **settings):
    given = tuple(map(torch.as_tensor, OWN)) if code == "own" else code
    return GivenCode(layers, given, **settings)


def by_hand(model, loss, code, image, seed):
    draws, _ = noise_of(model, loss.path, loss.draws, seed)
    values = [
        [
            np.linalg.norm(walked(model, image, draw)[i - 1].z - CODES[code][i - 1])
            for i in loss.layers
        ]
        for draw in draws
    ]
    return np.mean(values, axis=0)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("layers", [(1, 2), (2,)])
@pytest.mark.parametrize("code", CODES)
def test_parts_are_distances_from_the_code(code, layers, path):
    model, x, points = Lopsided(3, 2), pictures(3), pictures(5, 3)
    loss = loss_of(code, layers, path=path, draws=3)
    if path == "sampled":
        x, points, rows = x[:1], points[:1], [0]
    else:
        rows = ROWS
    bound = loss.bind(model, x, torch.full_like(x, torch.nan), generators(len(x)))
    expected = [by_hand(model, loss, code, p.numpy(), r) for p, r in zip(points, rows, strict=True)]
    assert_allclose(bound.parts(points, torch.tensor(rows)), expected, rtol=1e-9)
    assert bound.floor.tolist() == [0.0] * len(x)
    assert bound.kinked
    assert not loss.targeted


@pytest.mark.parametrize("code", CODES)
def test_the_gradient_is_that_of_the_formula(code):
    model, x, point = Lopsided(3, 2), pictures(1), pictures(1, 3).requires_grad_()
    loss = loss_of(code)
    (gradient,) = torch.autograd.grad(
        loss.bind(model, x, x, generators(1)).parts(point, torch.tensor([0])).sum(), point
    )
    expected = slopes(
        lambda image: by_hand(model, loss, code, image, 0).sum(), point[0].detach().numpy()
    )
    assert_allclose(gradient[0], expected, rtol=1e-5, atol=1e-6)


def test_each_pair_may_have_its_own_code():
    model, x = Lopsided(3, 2), pictures(2)
    code = tuple(z.detach() for z in model.encode(x.flip(0)).z)
    parts = GivenCode((1, 2), code).bind(model, x, x, generators(2)).parts
    assert parts(x.flip(0), torch.arange(2)).abs().max() == 0
    assert (parts(x, torch.arange(2)) > 0).all()


@pytest.mark.parametrize("threat", ["l2", "linf"])
@pytest.mark.parametrize("name", ["latent-zero", "latent-target"])
def test_an_attack_without_a_target_moves_the_codes_to_it(name, threat):
    model, x = TwoLayers(), images()[0][None]
    budgets = (0.05, 0.2) if threat == "l2" else (0.002, 0.01)
    config = AttackConfig(name, threat=threat, budgets=budgets, restarts=1, recheck=0)
    result = attack(model, x, config=config)
    start = result.problem.divergence_start
    assert (result.delta[0].diff() < 0).all()
    assert result.delta[0, -1] < 0.9 * start[0]
    codes = model.encode(result.points[:, -1].view_as(x)).z  # grey is 0 and its code as well
    assert_allclose(sum(z.norm() for z in codes), result.delta[0, -1], rtol=1e-9)


def test_what_cannot_be_reached_is_refused():
    x = pictures(2)
    unbounded = Lopsided(3, 2)
    unbounded.bounds = None
    with pytest.raises(ConfigError, match=r"^no grey input, since the inputs have no bounds: give"):
        GivenCode((1,)).bind(unbounded, x, x, generators(2))
    with pytest.raises(ShapeError, match=r"^a target code of shape \(3,\), expected \(2,\) or \(2"):
        GivenCode((1,), (torch.ones(3), torch.ones(3))).bind(Chain(3, 2), x, x, generators(2))
    with pytest.raises(ShapeError, match=r"^1 target codes, expected one tensor per layer of the"):
        GivenCode((1,), (torch.ones(3),)).bind(Chain(3, 2), x, x, generators(2))
    without = Chain(3, 2)
    without.capabilities = Capabilities(codes=False)
    with pytest.raises(ConfigError, match="needs the model's codes"):
        GivenCode((1,)).bind(without, x, x, generators(2))
    with pytest.raises(ConfigError, match=r"^no targets under threat 'penalty', which scales with"):
        attack(TwoLayers(), images()[0][None], config=AttackConfig("latent-zero"))
