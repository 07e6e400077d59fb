"""Untargeted losses: the negative of how far the model is led away from the input itself."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from seatbelt_vae.attacks import PosteriorDamage, ReconstructionDamage
from tests.attacks.chain import (
    Chain,
    generators,
    noise_of,
    pictures,
    reconstructed,
    slopes,
    walked,
)
from tests.attacks.losses.formulas import BY_HAND

PATHS = ["mean", "common", "sampled"]
ROWS = [2, 0, 0, 1, 2]
CASES = [
    *[((4,), PosteriorDamage((1,), path=path, draws=3)) for path in PATHS],
    *[((3, 2, 2), PosteriorDamage((1, 2, 3), path=path, draws=3)) for path in PATHS],
    *[
        ((3, 2, 2), PosteriorDamage((3, 2), name, path="common", draws=3))
        for name in ("symmetric-kl", "w2")
    ],
    *[((3, 2, 2), ReconstructionDamage(path=path, draws=3)) for path in PATHS],
]


def by_hand(model, loss, image, x, seed, few=None):
    """The parts of an attacked image of an input x."""
    sides = noise_of(model, loss.path, loss.draws, seed)
    values = []
    for ours, clean in list(zip(*sides, strict=True))[:few]:
        attacked = walked(model, image, ours)
        if isinstance(loss, ReconstructionDamage):
            seen = reconstructed(model, walked(model, x))
            values.append([np.linalg.norm(reconstructed(model, attacked) - seen)])
        else:
            known = walked(model, x, clean)
            compared = ((attacked[layer - 1], known[layer - 1]) for layer in loss.layers)
            values.append([BY_HAND[loss.divergence](*pair) for pair in compared])
    return -np.mean(values, axis=0)


@pytest.mark.parametrize(("sizes", "loss"), CASES, ids=str)
def test_parts_are_the_negative_of_the_distance_from_the_input(sizes, loss):
    model, x, point = Chain(*sizes), pictures(1), pictures(1, 3)
    bound = loss.bind(model, x, torch.full_like(x, torch.nan), generators(1))
    expected = by_hand(model, loss, point[0].numpy(), x[0].numpy(), 0)
    assert_allclose(bound.parts(point, torch.tensor([0])), expected[None], rtol=1e-9)
    assert (expected < 0).all()
    assert bound.floor is None
    assert not loss.targeted


@pytest.mark.parametrize(("sizes", "loss"), CASES, ids=str)
def test_the_gradient_is_that_of_the_formula(sizes, loss):
    model, x, point = Chain(*sizes), pictures(1), pictures(1, 3)
    image = point.clone().requires_grad_()
    parts = loss.bind(model, x, x, generators(1)).parts(image, torch.tensor([0]))
    (gradient,) = torch.autograd.grad(parts.sum(), image)
    expected = slopes(
        lambda values: by_hand(model, loss, values, x[0].numpy(), 0).sum(), point[0].numpy()
    )
    assert_allclose(gradient[0], expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("path", ["mean", "common"])
@pytest.mark.parametrize("kind", [PosteriorDamage, ReconstructionDamage])
def test_rows_are_led_away_from_the_input_of_their_pair(kind, path):
    model, x, points = Chain(3, 2, 2), pictures(3), pictures(5, 3)
    loss = kind((1, 3), path=path) if kind is PosteriorDamage else kind(path=path)
    bound = loss.bind(model, x, x, generators(3))
    for parts, few in [(bound.parts, None), *([(bound.coarse, 1)] if path == "common" else [])]:
        expected = [
            by_hand(model, loss, point.numpy(), x[pair].numpy(), pair, few)
            for point, pair in zip(points, ROWS, strict=True)
        ]
        assert_allclose(parts(points, torch.tensor(ROWS)), expected, rtol=1e-9)


@pytest.mark.parametrize("loss", [PosteriorDamage((1, 2)), ReconstructionDamage()], ids=str)
def test_the_undisturbed_input_is_not_damaged(loss):
    x = pictures(2)
    bound = loss.bind(Chain(3, 2), x, x, generators(2))
    assert bound.parts(x, torch.arange(2)).abs().max() < 1e-12


@pytest.mark.parametrize(
    "loss", [PosteriorDamage((2,), path="sampled"), ReconstructionDamage(path="sampled")], ids=str
)
def test_the_sampled_path_draws_afresh(loss):
    x = pictures(1)
    bound = loss.bind(Chain(3, 2), x, x, generators(1))
    first, second = (bound.parts(x, torch.tensor([0])).item() for _ in range(2))
    assert first != second
