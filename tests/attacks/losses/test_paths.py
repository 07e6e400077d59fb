"""The noise that chains are fed: none, fixed for a pair, or fresh; each pair with its own."""

import numpy as np
import pytest
import torch

from seatbelt_vae.attacks import OutputDistance
from seatbelt_vae.attacks.losses._paths import Walker, mean_over_draws
from seatbelt_vae.testing import check_autoencoder
from tests.attacks.chain import Chain, drawn, generators, pictures, walked

ROWS = torch.tensor([2, 0, 0, 1])


def walker(path, draws=3, dtype=torch.float64, count=3):
    return Walker(Chain(3, 2), path, draws, pictures(count, dtype=dtype), generators(count))


@pytest.mark.parametrize("sizes", [(4,), (3, 2, 2)])
def test_the_model_these_tests_use_is_sound(sizes):
    check_autoencoder(Chain(*sizes))


def test_the_mean_path_takes_no_noise():
    walk = walker("mean")
    assert walk.noise(ROWS) is None
    points = pictures(4, 3)
    expected = [walked(walk.model, point.numpy())[1].z for point in points]
    np.testing.assert_allclose(walk.encode(points, ROWS).z[1], expected)
    assert walk.repeatable


def test_common_noise_is_fixed_and_each_pairs_own():
    walk = walker("common")
    assert walk.repeatable
    for _ in range(2):
        noise = walk.noise(ROWS)
        for row, (pair, generator) in enumerate((p, generators(3)[p]) for p in ROWS.tolist()):
            for k, draw in enumerate(drawn(walk.model, 3, generator)):
                for layer, expected in zip(noise, draw, strict=True):
                    np.testing.assert_array_equal(layer[k, row], expected, err_msg=f"pair {pair}")


def test_common_noise_walks_the_upper_layers():
    walk, points = walker("common"), pictures(4, 3)
    found = walk.encode(points, ROWS)
    for row, pair in enumerate(ROWS.tolist()):
        for k, draw in enumerate(drawn(walk.model, 3, generators(3)[pair])):
            expected = walked(walk.model, points[row].numpy(), draw)
            np.testing.assert_allclose(found.layers[1].mean[k, row], expected[1].mean)
            np.testing.assert_allclose(found.z[1][k, row], expected[1].z)


def test_sampled_noise_is_fresh_for_every_row_and_every_time():
    walk = walker("sampled")
    assert not walk.repeatable
    first, second = walk.noise(ROWS), walk.noise(ROWS)
    assert [tuple(layer.shape) for layer in first] == [(3, 4, 3), (3, 4, 2)]
    values = torch.cat([layer.flatten() for layer in (*first, *second)])
    assert len(values.unique()) == len(values)


def test_the_first_draw_alone_leaves_the_walker_as_it_was():
    walk = walker("common", draws=5)
    first = walk.first_draw()
    for all_draws, kept in zip(walk.noise(ROWS), first.noise(ROWS), strict=True):
        assert all_draws.shape[0] == 5
        assert kept.equal(all_draws[:1])
    assert (walk.draws, first.draws) == (5, 1)


@pytest.mark.parametrize(("path", "draws"), [("mean", 8), ("sampled", 8), ("common", 1)])
def test_there_is_no_first_draw_where_nothing_can_be_left_out(path, draws):
    assert walker(path, draws).first_draw() is None


def test_noise_takes_the_precision_of_the_images():
    singles, doubles = (walker("common", dtype=dtype) for dtype in (torch.float32, torch.float64))
    for single, double in zip(singles.noise(ROWS), doubles.noise(ROWS), strict=True):
        assert single.dtype == torch.float32
        assert single.equal(double.float())


@pytest.mark.parametrize("draws", [(), (1,), (3,), (2, 4)])
def test_averages_run_over_all_leading_draws(draws):
    values = np.random.default_rng(0).normal(size=(*draws, 5))
    expected = values.mean(axis=tuple(range(len(draws))))
    np.testing.assert_allclose(mean_over_draws(torch.as_tensor(values)), expected)


def test_a_noisy_loss_has_a_coarse_form_of_one_draw():
    model, x, target = Chain(3), pictures(2), pictures(2, 2)
    bound = OutputDistance(path="common", draws=5).bind(model, x, target, generators(2))
    rows = torch.arange(2)
    single = OutputDistance(path="common", draws=1).bind(model, x, target, generators(2))
    assert torch.equal(bound.coarse(x, rows), single.parts(x, rows))
    assert not torch.equal(bound.coarse(x, rows), bound.parts(x, rows))
    assert OutputDistance().bind(model, x, target, generators(2)).coarse is None
