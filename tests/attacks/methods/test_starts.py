"""Where descents begin, against the same points worked out one by one."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from seatbelt_vae.attacks import LatentLoss, Problem
from seatbelt_vae.attacks.methods.starts import (
    along_codes,
    noise_start,
    restarts,
    segment,
    whole_images,
)
from seatbelt_vae.attacks.threats import Budget, Penalty
from seatbelt_vae.protocol import Bounds
from tests.attacks.chain import PIXELS, SHAPE, Chain, generators, pictures

LEVELS = torch.tensor([0.3, 2.0], dtype=torch.float64)


def problem_of(threat=None, dtype=torch.float64, at_bound=False):
    x, target = pictures(2, dtype=dtype), pictures(2, 2, dtype=dtype)
    if at_bound:
        x[:, :, 0], x[:, :, 1] = -2.0, 2.0
    return Problem.of(Chain(3, 2), LatentLoss((1, 2)), x, target, generators(2), threat=threat)


def seeded():
    return torch.Generator().manual_seed(5)


def test_the_segment_has_eight_points_and_ends_in_the_target():
    problem = problem_of()
    found = segment(problem)
    for p, k in np.ndindex(2, 8):
        x, target = problem.x[p].numpy(), problem.target[p].numpy()
        assert_allclose(found[p, k], x + (k + 1) / 8 * (target - x))
    assert found[:, -1].equal(problem.target)


def test_noise_is_uniform_a_thousandth_of_the_pixels_range():
    problem = problem_of()
    found = noise_start(problem, 1, 2000, seeded())
    away = (found - problem.x[1]).numpy()
    assert found.shape == (2000, PIXELS)
    assert np.abs(away).max() <= 4e-3
    assert_allclose(away.mean(0), 0, atol=3e-4)
    assert_allclose(away.std(0), 4e-3 / np.sqrt(3), rtol=0.05)
    units = torch.rand(2000, PIXELS, generator=seeded(), dtype=torch.float64).numpy()
    assert_allclose(found, problem.x[1].numpy() + (2 * units - 1) * 4e-3)


@pytest.mark.parametrize(
    ("threat", "reaches"),
    [
        (Penalty(1), None),
        (Penalty(2), None),
        (Budget("l2"), (0.3, 2.0)),
        (Budget("linf"), (0.3 * np.sqrt(PIXELS), 2.0 * np.sqrt(PIXELS))),
    ],
)
@pytest.mark.parametrize("count", [1, 4, 6])
def test_restarts_take_the_scales_in_turn_level_by_level(threat, reaches, count):
    problem = problem_of(threat)
    x, target = problem.x[1].numpy(), problem.target[1].numpy()
    found = restarts(problem, 1, LEVELS, count, seeded())
    assert found.shape == (2 * count, PIXELS)
    noise = torch.randn(2, count, PIXELS, generator=seeded(), dtype=torch.float64).numpy()
    reaches = reaches or (np.linalg.norm(target - x),) * 2
    scales = (0.03, 0.1, 0.3, 1.0) * 2
    for w, k in np.ndindex(2, count):
        away = scales[k] * reaches[w] / np.sqrt(PIXELS) * noise[w, k]
        assert_allclose(found[w * count + k], np.clip(x + away, -2, 2), atol=1e-6)


def test_no_restarts_are_an_empty_batch():
    assert restarts(problem_of(), 0, LEVELS, 0, seeded()).shape == (0, PIXELS)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_starts_stay_in_the_box_and_in_the_images_precision(dtype):
    problem = problem_of(dtype=dtype, at_bound=True)
    for found in (
        noise_start(problem, 0, 50, seeded()),
        restarts(problem, 0, LEVELS, 20, seeded()),
        segment(problem).flatten(0, 1),
    ):
        assert found.dtype == dtype
        assert (found.abs() <= 2).all()
        assert not found.equal(problem.x[:1].expand_as(found))


def test_starts_depend_on_the_generator_alone():
    problem = problem_of()
    assert noise_start(problem, 0, 3, seeded()).equal(noise_start(problem, 0, 3, seeded()))
    assert restarts(problem, 0, LEVELS, 3, seeded()).equal(
        restarts(problem, 0, LEVELS, 3, seeded())
    )
    generator = seeded()
    first, second = (noise_start(problem, 0, 3, generator) for _ in range(2))
    assert not first.equal(second)


@pytest.mark.parametrize("path", ["mean", "common"])
def test_starts_along_codes_move_one_layer_in_turn_by_the_reach(path):
    x, target = pictures(2), pictures(2, 2)
    loss, threat = LatentLoss((1, 2), path=path, draws=3), Budget("l2")
    problem = Problem.of(Chain(3, 2), loss, x, target, generators(2), threat=threat)
    tiny = LEVELS / 1e3  # no pixel meets its bound
    found = along_codes(problem, 1, tiny, 4, seeded())
    assert found.shape == (8, PIXELS)
    away = found - problem.x[1]
    torch.testing.assert_close(away.norm(dim=1), tiny.repeat_interleave(4))

    def codes(image):
        layers = problem.loss.codes(image.view(1, *SHAPE), torch.tensor([1]))
        return [layer.reshape(-1, 1, layer.shape[-1]).mean(0)[0] for layer in layers]

    jacobians = torch.autograd.functional.jacobian(lambda i: tuple(codes(i)), problem.x[1])
    for row, direction in enumerate(away):
        j = jacobians[row % 2]
        spanned = torch.linalg.pinv(j) @ j @ direction
        torch.testing.assert_close(spanned, direction)
    assert torch.linalg.matrix_rank(away[::2], atol=1e-8) == 3


def test_no_starts_along_codes_without_codes():
    problem = problem_of(Budget("l2"))
    assert along_codes(problem, 0, LEVELS, 0, seeded()).shape == (0, PIXELS)
    problem = replace(problem, loss=replace(problem.loss, codes=None))
    assert along_codes(problem, 0, LEVELS, 3, seeded()).shape == (0, PIXELS)


def test_whole_images_are_uniform_and_patchworks_in_turn():
    problem = problem_of(Budget("l2"))
    found = whole_images(problem, 1, 400, seeded())
    uniform, patchwork = found[::2], found[1::2]
    assert_allclose([uniform.min(), uniform.mean(), uniform.max()], [-2, 0, 2], atol=0.05)
    own, aimed = (patchwork == image[1] for image in (problem.x, problem.target))
    assert bool((own | aimed).all())
    assert_allclose(aimed.double().mean(), 0.5, atol=0.05)
    # every third patchwork has 2 × 2 cells, the left one two pixels wide
    cells = aimed.view(-1, *SHAPE)[1::3, 0]
    assert bool((cells[:, :, 0] == cells[:, :, 1]).all())
    assert len(cells.flatten(1).unique(dim=0)) == 16


def test_whole_images_without_a_target_or_bounds():
    problem = problem_of(Budget("l2"))
    untargeted = replace(problem, target=problem.x)
    assert not (whole_images(untargeted, 1, 8, seeded()) == problem.x[1]).any()
    unbounded = replace(problem, bounds=Bounds(-torch.inf, torch.inf))
    away = whole_images(unbounded, 1, 400, seeded())[::2] - problem.x[1]
    spread = (problem.target - problem.x)[1].std()
    assert_allclose(away.std(), spread, rtol=0.05)
