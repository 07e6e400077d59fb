"""A batch of pairs under attack: values, gradients and bounds against formulas of one image."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from torch.distributions import Normal as TorchNormal
from torch.distributions import kl_divergence

from seatbelt_vae.attacks import (
    FunctionLoss,
    LatentLoss,
    OutputLoss,
    PosteriorDamage,
    Problem,
    ReconstructionDamage,
)
from seatbelt_vae.attacks.threats import Budget, Penalty
from tests.attacks.chain import PIXELS, SHAPE, Chain, generators, noise_of, pictures
from tests.attacks.models import DetachedGradient, Linear, images

THREATS = [Penalty(1), Penalty(2), Budget("l2"), Budget("linf")]
F64 = torch.float64
ROWS = torch.tensor([2, 0, 0, 1])
LEVELS = torch.tensor([0.5, 3.0, 0.1, 40.0], dtype=F64)


def problem_of(loss=None, threat=None, model=None, count=3, **settings):
    x, target = pictures(count), pictures(count, 2)
    loss = loss or LatentLoss((1, 2))
    return Problem.of(
        model or Chain(3, 2), loss, x, target, generators(count), threat=threat, **settings
    )


def explicit_kl(model, point, target, draws=(None,)):
    """KL of both layers of a flat point, differentiable, averaged over draws."""
    values = []
    for draw in draws:
        noise = draw and [torch.as_tensor(layer)[None] for layer in draw]
        sides = [model.encode(v.view(1, *SHAPE), noise).layers for v in (point, target)]
        values.append(
            sum(
                kl_divergence(TorchNormal(q.mean, q.std), TorchNormal(p.mean, p.std)).sum()
                for q, p in zip(*sides, strict=True)
            )
        )
    return torch.stack(values).mean()


def explicit_cost(threat, distortion, level):
    return {
        Penalty(1): lambda: level * distortion.square().sum().sqrt(),
        Penalty(2): lambda: level * distortion.square().sum(),
    }.get(threat, lambda: 0)()


@pytest.mark.parametrize(("path", "coarse"), [("mean", False), ("common", False), ("common", True)])
@pytest.mark.parametrize("threat", THREATS)
def test_value_and_gradient_are_those_of_the_formula(threat, path, coarse):
    model, points = Chain(3, 2), pictures(4, 3).flatten(1)
    problem = problem_of(LatentLoss((1, 2), path=path, draws=4), threat, model)
    value, gradient = problem.value_and_gradient(points, ROWS, LEVELS, coarse=coarse)
    for row, (pair, level) in enumerate(zip(ROWS.tolist(), LEVELS, strict=True)):
        point = points[row].clone().requires_grad_()
        draws = noise_of(model, path, 4, pair)[0][: 1 if coarse else None]
        r = explicit_kl(model, point, problem.target[pair], draws)
        delta = r + explicit_cost(threat, point - problem.x[pair], level)
        torch.testing.assert_close(value[row], delta.detach())
        torch.testing.assert_close(gradient[row], torch.autograd.grad(delta, point)[0])


def test_the_coarse_form_of_a_loss_without_draws_is_the_loss():
    problem, points = problem_of(), pictures(4, 3).flatten(1)
    fine, coarse = (
        problem.value_and_gradient(points, ROWS, LEVELS, coarse=few) for few in (False, True)
    )
    assert fine[0].equal(coarse[0])
    assert fine[1].equal(coarse[1])


def test_gradient_is_that_of_the_divergence_alone():
    problem, points = problem_of(), pictures(4, 3).flatten(1)
    _, expected = problem.value_and_gradient(points, ROWS, torch.zeros(4, dtype=F64))
    torch.testing.assert_close(problem.gradient(points, ROWS), expected)
    assert expected.abs().max() > 0.1


@pytest.mark.parametrize("threat", THREATS)
@pytest.mark.parametrize("dtype", [torch.float32, F64])
def test_at_the_input_only_the_divergence_pulls(threat, dtype):
    x, target = pictures(3, dtype=dtype), pictures(3, 2, dtype=dtype)
    problem = Problem.of(Chain(3, 2), LatentLoss((1, 2)), x, target, generators(3), threat=threat)
    pairs = torch.arange(3)
    for level in (1e-3, 1.0, 10.0, 1e6):
        levels = torch.full((3,), level, dtype=F64)
        value, gradient = problem.value_and_gradient(problem.x, pairs, levels)
        torch.testing.assert_close(value.double(), problem.divergence_start, rtol=1e-5, atol=0)
        torch.testing.assert_close(gradient, problem.gradient(problem.x, pairs))


def test_a_gradient_that_is_one_number_seen_many_times_is_no_trouble():
    bright = FunctionLoss(lambda _, rows, *__: rows.sum((1, 2, 3)), floor=None)
    problem, points = problem_of(bright), pictures(4, 3).flatten(1)
    _, gradient = problem.value_and_gradient(points, ROWS, LEVELS)
    away = points - problem.x[ROWS]
    pull = LEVELS[:, None] * away / away.norm(dim=1, keepdim=True)
    torch.testing.assert_close(gradient, 1 + pull)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64])
def test_parts_in_chunks_are_the_parts_of_all_rows(size):
    loss = LatentLoss((2, 1), path="common", draws=3)
    points, pairs = pictures(7, 3).flatten(1), torch.tensor([2, 0, 0, 1, 2, 2, 1])
    problem = problem_of(loss, micro_batch=size)
    expected = problem.loss.parts(points.view(-1, *SHAPE), pairs)
    found = problem.parts(points, pairs)
    torch.testing.assert_close(found, expected)
    assert not found.requires_grad


def test_no_chunk_is_larger_than_a_micro_batch():
    seen = []

    def function(_, rows, *__):
        seen.append(len(rows))
        return rows.sum((1, 2, 3))

    problem = problem_of(FunctionLoss(function), micro_batch=3)
    seen.clear()
    problem.parts(pictures(8, 3).flatten(1), torch.zeros(8, dtype=torch.long))
    assert seen == [3, 3, 2]


def test_what_is_known_before_any_descent():
    model = Chain(3, 2)
    problem = problem_of(model=model)
    for p in range(3):
        x, target = problem.x[p], problem.target[p]
        start = explicit_kl(model, x, target)
        torch.testing.assert_close(problem.parts_start[p].sum(), start)
        torch.testing.assert_close(problem.divergence_start[p], start)
    assert problem.divergence_target.abs().max() == 0
    assert problem.span.equal(problem.divergence_start)
    difference = (problem.target - problem.x).numpy()
    assert_allclose(problem.image_norms.l2, np.linalg.norm(difference, axis=1))
    assert_allclose(problem.image_norms.linf, np.abs(difference).max(axis=1))
    assert_allclose(problem.level_unit, problem.span / problem.image_norms.l2)
    assert_allclose(problem.negligible, 2e-7 * problem.span)
    assert (problem.threat, problem.bounds) == (Penalty(), model.bounds)
    assert (problem.event_shape, problem.micro_batch) == (SHAPE, 2**18 // PIXELS)


def test_what_is_known_is_double_precision_of_single_precision_images():
    x, target = pictures(2, dtype=torch.float32), pictures(2, 2, dtype=torch.float32)
    problem = Problem.of(Chain(3, 2), LatentLoss((1, 2)), x, target, generators(2))
    known = ("parts_start", "divergence_start", "gradient_norm", "level_unit", "negligible")
    assert {getattr(problem, name).dtype for name in known} == {F64}
    assert problem.x.dtype == torch.float32
    assert problem.parts(problem.x, torch.arange(2)).dtype == F64
    assert problem.norms(problem.target, torch.arange(2)).l2.dtype == F64


def test_span_and_scales_are_counted_from_the_floor():
    problem = problem_of(OutputLoss(draws=2))
    floor, r0 = problem.loss.floor.numpy(), problem.divergence_start.numpy()
    assert (floor != 0).all()
    assert_allclose(problem.span, r0 - floor)
    values = problem.divergence_start[:, None] * torch.tensor([1.0, 0.5])
    remains = np.abs(values.numpy() - floor[:, None])
    assert_allclose(problem.remaining(values), remains)
    expected = 1e-3 * remains + 2e-7 * (r0 - floor)[:, None]
    assert_allclose(problem.tolerance(values), expected)
    assert_allclose(problem.tolerance(values[:, 0]), expected[:, 0])


def test_without_a_floor_the_gain_is_the_scale():
    problem = problem_of(ReconstructionDamage(), Budget("l2"))
    assert problem.span.isnan().all()
    assert problem.negligible.tolist() == [0, 0, 0]
    values = torch.tensor([[-3.0], [-1.0], [-0.5]], dtype=F64)
    assert_allclose(problem.remaining(values), [[3], [1], [0.5]])
    assert_allclose(problem.tolerance(values), [[3e-3], [1e-3], [5e-4]])
    assert_allclose(problem.level_unit, problem.image_norms.l2)


def test_gradient_norm_leaves_out_what_the_box_blocks():
    model, target, low, high = Chain(3, 2), pictures(2, 2), -2.0, 2.0
    x = pictures(2)
    x.view(2, -1)[:, :4] = torch.tensor([low, low, high, high], dtype=F64)
    problem = Problem.of(model, LatentLoss((1, 2)), x, target, generators(2))
    blocked = 0
    for p in range(2):
        point = x[p].flatten().requires_grad_()
        kl = explicit_kl(model, point, target[p].flatten())
        (gradient,) = torch.autograd.grad(kl, point)
        kept = [
            g
            for v, g in zip(point.tolist(), gradient.tolist(), strict=True)
            if not (v == low and g > 0) and not (v == high and g < 0)
        ]
        blocked += PIXELS - len(kept)
        assert problem.gradient_norm[p].item() == pytest.approx(np.linalg.norm(kept), rel=1e-9)
    assert 0 < blocked < 8


def test_norms_are_of_the_distance_from_the_pairs_input():
    problem, points = problem_of(), pictures(4, 3).flatten(1)
    difference = points.numpy() - problem.x.numpy()[ROWS]
    found = problem.norms(points, ROWS)
    assert_allclose(found.l2, np.linalg.norm(difference, axis=1))
    assert_allclose(found.linf, np.abs(difference).max(axis=1))


@pytest.mark.parametrize("threat", THREATS)
def test_a_blend_goes_towards_the_target_as_far_as_it_may(threat):
    problem = problem_of(threat=threat)
    levels = torch.tensor([[0.1, 0.5, 9.0]] * 3, dtype=F64) * torch.tensor([[1.0], [2.0], [3.0]])
    x, target = problem.x.numpy(), problem.target.numpy()
    found = problem.blends(levels)
    assert found.shape == (3, 3, PIXELS)
    for p, w in np.ndindex(3, 3):
        away, share = target[p] - x[p], 1
        if isinstance(threat, Budget):
            size = np.linalg.norm(away, {"l2": 2, "linf": np.inf}[threat.norm])
            share = min(1, levels[p, w].item() / size)
        assert_allclose(found[p, w], x[p] + share * away)


@pytest.mark.parametrize("power", [1, 2])
def test_the_trivial_bound_of_a_penalty_is_the_better_of_both_images(power):
    apart = FunctionLoss(lambda _, rows, aims, __: 3 + (rows - aims).square().sum((1, 2, 3)))
    problem = problem_of(apart, Penalty(power))
    levels = problem.level_unit[:, None] * torch.tensor([[0.1, 0.5, 2.0, 30.0]], dtype=F64)
    distances = np.linalg.norm((problem.target - problem.x).numpy(), axis=1)
    bound = problem.trivial_bound(levels)
    for p, w in np.ndindex(3, 4):
        shown = 3 + levels[p, w] * distances[p] ** power
        assert_allclose(bound[p, w], min(3 + distances[p] ** 2, shown))
    assert (bound[:, -1] == problem.divergence_start).all()
    assert (bound[:, 0] < problem.divergence_start).all()


@pytest.mark.parametrize("norm", ["l2", "linf"])
@pytest.mark.parametrize("micro_batch", [2, 64])
def test_the_trivial_bound_of_a_budget_is_the_better_of_input_and_blend(norm, micro_batch):
    model = Chain(3, 2)
    problem = problem_of(threat=Budget(norm), model=model, micro_batch=micro_batch)
    levels = problem.level_unit[:, None] * torch.tensor([[0.05, 0.1, 0.2, 1.0]], dtype=F64)
    blends, bound = problem.blends(levels), problem.trivial_bound(levels)
    for p, w in np.ndindex(3, 4):
        blend = explicit_kl(model, blends[p, w], problem.target[p])
        assert_allclose(bound[p, w], min(blend.item(), problem.divergence_start[p]), atol=1e-12)


@pytest.mark.parametrize("loss", [PosteriorDamage((1, 2)), ReconstructionDamage()], ids=str)
def test_damage_has_the_input_for_its_trivial_bound_at_least(loss):
    x = pictures(2)
    problem = Problem.of(Chain(3, 2), loss, x, x, generators(2), threat=Budget("l2"))
    assert problem.level_unit.tolist() == [1, 1]
    assert problem.trivial_bound(torch.ones(2, 3, dtype=F64)).abs().max() < 1e-12


def test_pairs_at_once_are_as_each_alone():
    loss = LatentLoss((1, 2), path="common", draws=3)
    x, target = pictures(3), pictures(3, 2)
    together = problem_of(loss)
    for p, generator in enumerate(generators(3)):
        own = slice(p, p + 1)
        alone = Problem.of(Chain(3, 2), loss, x[own], target[own], [generator])
        for name in ("parts_start", "divergence_target", "gradient_norm", "level_unit"):
            torch.testing.assert_close(getattr(together, name)[own], getattr(alone, name))
        of = torch.tensor([p])
        mine = together.value_and_gradient(together.target[own] / 2, of, LEVELS[:1])
        theirs = alone.value_and_gradient(alone.target / 2, of * 0, LEVELS[:1])
        torch.testing.assert_close(mine, theirs)


@pytest.mark.parametrize("loss", [LatentLoss((1,)), OutputLoss(path="mean")], ids=str)
@pytest.mark.parametrize("threat", THREATS)
def test_a_model_that_cuts_its_gradient_off_has_a_gradient_of_zero(threat, loss):
    x, target = (image[None] for image in images())
    problem = Problem.of(DetachedGradient(), loss, x, target, generators(1), threat=threat)
    sound = Problem.of(Linear(), loss, x, target, generators(1), threat=threat)
    assert problem.gradient_norm.item() == 0 < sound.gradient_norm.item()
    of, level = torch.tensor([0]), torch.tensor([2.0], dtype=F64)
    point = (problem.target / 2).requires_grad_()
    value, gradient = problem.value_and_gradient(point.detach(), of, level)
    torch.testing.assert_close(value, sound.value_and_gradient(point.detach(), of, level)[0])
    cost = explicit_cost(threat, point - problem.x, 2.0) + 0 * point.sum()
    torch.testing.assert_close(gradient, torch.autograd.grad(cost, point)[0])


def test_points_keep_no_graph_and_gradients_are_had_without_grad_mode():
    problem, points = problem_of(), pictures(4, 3).flatten(1)
    expected = problem.value_and_gradient(points, ROWS, LEVELS)
    with torch.no_grad():
        found = problem.value_and_gradient(points, ROWS, LEVELS)
    torch.testing.assert_close(found, expected)
    assert not any(tensor.requires_grad for tensor in found)
    assert not points.requires_grad


def test_rows_at_once_follow_from_the_images_size():
    x, target = (image[None] for image in images())
    sides = (Linear(), LatentLoss((1,)), x, target, generators(1))
    assert Problem.of(*sides).micro_batch == 2**18 // 16
    assert Problem.of(*sides, micro_batch=5).micro_batch == 5
