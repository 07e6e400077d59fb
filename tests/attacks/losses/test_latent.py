"""Latent losses against the formulas of full Gaussians, one image, draw and layer at a time."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from seatbelt_vae.attacks import LatentLoss
from tests.attacks.chain import Chain, generators, noise_of, pictures, slopes, walked
from tests.attacks.losses.formulas import BY_HAND

CASES = [
    ((4,), (1,)),
    ((3, 2, 2), (1,)),
    ((3, 2, 2), (2,)),
    ((3, 2, 2), (3, 1)),
    ((3, 2, 2), (1, 2, 3)),
]
DIVERGENCES = ["kl", "symmetric-kl", "w2"]
PATHS = ["mean", "common", "sampled"]
ROWS = [2, 0, 0, 1, 2]


def by_hand(model, loss, image, target, seed, few=None):
    """The parts of one image whose pair has a seed."""
    sides = noise_of(model, loss.path, loss.draws, seed)
    values = [
        [
            BY_HAND[loss.divergence](
                walked(model, image, ours)[layer - 1], walked(model, target, aims)[layer - 1]
            )
            for layer in loss.layers
        ]
        for ours, aims in list(zip(*sides, strict=True))[:few]
    ]
    return np.mean(values, axis=0)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("divergence", DIVERGENCES)
@pytest.mark.parametrize(("sizes", "layers"), CASES)
def test_parts_are_the_divergence_of_each_chosen_layer(sizes, layers, divergence, path):
    model, x, target = Chain(*sizes), pictures(1), pictures(1, seed=2)
    loss = LatentLoss(layers, divergence, path=path, draws=3)
    parts = loss.bind(model, x, target, generators(1)).parts(x, torch.tensor([0]))
    expected = by_hand(model, loss, x[0].numpy(), target[0].numpy(), 0)
    assert_allclose(parts, expected[None], rtol=1e-9)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("divergence", DIVERGENCES)
def test_the_gradient_is_that_of_the_formula(divergence, path):
    model, x, target = Chain(3, 2, 2), pictures(1), pictures(1, seed=2)
    loss = LatentLoss((1, 2, 3), divergence, path=path, draws=2)
    image = x.clone().requires_grad_()
    parts = loss.bind(model, x, target, generators(1)).parts(image, torch.tensor([0]))
    (gradient,) = torch.autograd.grad(parts.sum(), image)
    expected = slopes(
        lambda values: by_hand(model, loss, values, target[0].numpy(), 0).sum(), x[0].numpy()
    )
    assert_allclose(gradient[0], expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("path", ["mean", "common"])
@pytest.mark.parametrize("divergence", DIVERGENCES)
def test_rows_are_compared_with_the_target_and_the_noise_of_their_pair(divergence, path):
    model, x, target, points = (Chain(3, 2, 2), pictures(3), pictures(3, 2), pictures(5, 3))
    loss = LatentLoss((2, 3), divergence, path=path, draws=3)
    parts = loss.bind(model, x, target, generators(3)).parts(points, torch.tensor(ROWS))
    expected = [
        by_hand(model, loss, point.numpy(), target[pair].numpy(), pair)
        for point, pair in zip(points, ROWS, strict=True)
    ]
    assert_allclose(parts, expected, rtol=1e-9)


@pytest.mark.parametrize("path", ["mean", "common"])
def test_pairs_at_once_are_as_each_alone(path):
    model, x, target = Chain(3, 2, 2), pictures(3), pictures(3, 2)
    loss = LatentLoss((1, 2, 3), path=path, draws=3)
    together = loss.bind(model, x, target, generators(3)).parts(x, torch.arange(3))
    for pair, generator in enumerate(generators(3)):
        own = slice(pair, pair + 1)
        alone = loss.bind(model, x[own], target[own], [generator]).parts(x[own], torch.tensor([0]))
        torch.testing.assert_close(together[own], alone, rtol=1e-12, atol=0)


def test_the_coarse_form_takes_the_first_draw():
    model, x, target, points = Chain(3, 2, 2), pictures(3), pictures(3, 2), pictures(5, 3)
    loss = LatentLoss((1, 2, 3), path="common", draws=5)
    bound = loss.bind(model, x, target, generators(3))
    expected = [
        by_hand(model, loss, point.numpy(), target[pair].numpy(), pair, few=1)
        for point, pair in zip(points, ROWS, strict=True)
    ]
    assert_allclose(bound.coarse(points, torch.tensor(ROWS)), expected, rtol=1e-9)


@pytest.mark.parametrize(
    ("path", "draws", "cheaper"),
    [("mean", 8, False), ("common", 1, False), ("common", 2, True), ("sampled", 8, False)],
)
def test_there_is_a_coarse_form_only_where_draws_can_be_left_out(path, draws, cheaper):
    loss = LatentLoss((1,), path=path, draws=draws)
    bound = loss.bind(Chain(2, 2), pictures(1), pictures(1), generators(1))
    assert (bound.coarse is not None) == cheaper


@pytest.mark.parametrize("path", ["mean", "common"])
@pytest.mark.parametrize("divergence", ["kl", "symmetric-kl"])
def test_it_is_zero_at_the_target_and_that_is_its_floor(divergence, path):
    model, x, target = Chain(3, 2, 2), pictures(2), pictures(2, 2)
    bound = LatentLoss((1, 2, 3), divergence, path=path).bind(model, x, target, generators(2))
    assert bound.parts(target, torch.arange(2)).abs().max() == 0
    torch.testing.assert_close(bound.floor, torch.zeros(2, dtype=torch.float64))


def test_w2_has_a_finite_gradient_at_the_target():
    model, x, target = Chain(3, 2, 2), pictures(1), pictures(1, 2)
    bound = LatentLoss((1, 2, 3), "w2").bind(model, x, target, generators(1))
    image = target.clone().requires_grad_()
    parts = bound.parts(image, torch.tensor([0]))
    (gradient,) = torch.autograd.grad(parts.sum(), image)
    assert_allclose(parts.detach(), np.full((1, 3), 1e-6))
    assert gradient.abs().max() == 0
    assert bound.floor.tolist() == [0]


def test_the_sampled_path_draws_afresh_for_every_evaluation_and_for_each_side():
    model, x, target = Chain(3, 2, 2), pictures(1), pictures(1, 2)
    loss = LatentLoss((2,), path="sampled", draws=4)
    bound = loss.bind(model, x, target, generators(1))
    first, second = (bound.parts(target, torch.tensor([0])).item() for _ in range(2))
    assert first > 0
    assert first != second


def test_the_first_layer_does_not_depend_on_the_path():
    model, x, target = Chain(3, 2), pictures(1), pictures(1, 2)
    values = [
        LatentLoss((1,), path=path)
        .bind(model, x, target, generators(1))
        .parts(x, torch.tensor([0]))
        for path in PATHS
    ]
    assert_allclose(values, [values[0].numpy()] * 3)


def test_it_leads_to_the_target_and_computes_in_the_images_precision():
    model, x = Chain(3, 2), pictures(2, dtype=torch.float32)
    loss = LatentLoss((1, 2), path="common")
    assert loss.targeted
    bound = loss.bind(model, x, x.flip(0), generators(2))
    assert bound.parts(x, torch.arange(2)).dtype == torch.float32
    assert bound.floor.dtype == torch.float64


@pytest.mark.parametrize("path", ["mean", "common"])
def test_a_distance_is_smoothed_by_a_tenth_of_its_value_at_the_input(path):
    model, x, target = Chain(3, 2), pictures(2), pictures(2, seed=2)
    loss = LatentLoss((1, 2), "w2", path=path, draws=3)
    bound, pairs = loss.bind(model, x, target, generators(2)), torch.tensor([1, 0])
    points = target.flip(0) + 0.1
    few = 1 if path == "common" else None

    def parts(image, pair):
        return by_hand(model, loss, image.numpy(), target[pair].numpy(), pair, few)

    for row, pair in enumerate(pairs.tolist()):
        expected = np.hypot(parts(points[row], pair), 0.1 * parts(x[pair], pair))
        assert_allclose(bound.coarse(points, pairs)[row], expected, rtol=1e-9)
    assert (bound.kinked, bound.averaged) == (True, path == "common")


def test_a_divergence_without_a_kink_is_not_smoothed():
    bound = LatentLoss((1,)).bind(Chain(3), pictures(1), pictures(1, seed=2), generators(1))
    assert (bound.coarse, bound.kinked) == (None, False)
