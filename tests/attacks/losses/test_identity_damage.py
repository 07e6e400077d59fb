"""The change of the reconstruction beyond the distortion."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from seatbelt_vae.attacks import IdentityDamage, attack
from seatbelt_vae.config import AttackConfig
from seatbelt_vae.subjects.adapters.reconstruct_only import Reconstruction
from tests.attacks.chain import (
    SHAPE,
    Chain,
    generators,
    noise_of,
    pictures,
    reconstructed,
    slopes,
    walked,
)
from tests.attacks.models import Linear, images

PATHS = ["mean", "common", "sampled"]


def by_hand(model, loss, image, x, seed):
    draws, _ = noise_of(model, loss.path, loss.draws, seed)
    clean = reconstructed(model, walked(model, x))
    values = [
        np.sum((reconstructed(model, walked(model, image, draw)) - clean - (image - x)) ** 2)
        for draw in draws
    ]
    return -np.mean(values)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("sizes", [(4,), (3, 2, 2)])
def test_value_and_gradient_are_those_of_the_formula(sizes, path):
    model, x, point = Chain(*sizes), pictures(1), pictures(1, 3).requires_grad_()
    loss = IdentityDamage(path=path, draws=3)
    bound = loss.bind(model, x, torch.full_like(x, torch.nan), generators(1))
    parts = bound.parts(point, torch.tensor([0]))
    image = point[0].detach().numpy()
    assert_allclose(parts.item(), by_hand(model, loss, image, x[0].numpy(), 0), rtol=1e-9)
    (gradient,) = torch.autograd.grad(parts.sum(), point)
    expected = slopes(lambda values: by_hand(model, loss, values, x[0].numpy(), 0), image)
    assert_allclose(gradient[0], expected, rtol=1e-5, atol=1e-6)
    assert (bound.floor, bound.kinked, loss.targeted) == (None, False, False)


def test_rows_are_compared_with_the_input_of_their_pair():
    model, x, points, rows = Chain(3, 2), pictures(3), pictures(4, 3), [2, 0, 0, 1]
    loss = IdentityDamage()
    parts = loss.bind(model, x, x, generators(3)).parts(points, torch.tensor(rows))
    expected = [
        [by_hand(model, loss, point.numpy(), x[row].numpy(), row)]
        for point, row in zip(points, rows, strict=True)
    ]
    assert_allclose(parts, expected, rtol=1e-9)


def test_a_model_that_returns_its_input_is_not_damaged():
    x = pictures(2)
    model = Reconstruction(lambda inputs: inputs, SHAPE, (-2.0, 2.0), dtype=x.dtype)
    parts = IdentityDamage().bind(model, x, x, generators(2)).parts
    assert parts(pictures(2, 3), torch.arange(2)).abs().max() < 1e-25


@pytest.mark.parametrize("threat", ["l2", "linf"])
def test_damage_of_a_linear_model_is_that_of_its_matrix_minus_the_identity(threat):
    model, x = Linear(), images()[0][None]
    beyond = (model.w @ model.a).numpy() - np.eye(16)
    level = 0.5 if threat == "l2" else 0.05
    config = AttackConfig("damage-identity", threat=threat, restarts=2, recheck=0)
    result = attack(model, x, config=config, levels=torch.tensor([level]))
    if threat == "l2":
        largest = (level * np.linalg.svd(beyond)[1][0]) ** 2
    else:  # a maximum of a convex function is at a corner
        corners = 1 - 2.0 * ((np.arange(2**16)[:, None] >> np.arange(16)) & 1)
        largest = np.square(level * corners @ beyond.T).sum(1).max()
    assert_allclose(-result.delta, largest, rtol=1e-3)
