"""Rounds of descents: what is asked for, what is kept of it, and under which name."""

from dataclasses import replace

import pytest
import torch

from seatbelt_vae.attacks import LatentLoss, Problem
from seatbelt_vae.attacks.methods.search import ON_ONE_DRAW, RACED, Request, Search
from seatbelt_vae.attacks.methods.solution_pool import Origin
from seatbelt_vae.attacks.threats import Budget, Penalty
from seatbelt_vae.config import AttackConfig
from tests.attacks.chain import Chain, generators, pictures

LEVELS = torch.tensor([[0.1, 1.0, 5.0], [0.2, 2.0, 9.0]], dtype=torch.float64)
EACH = torch.tensor([0, 1])


def search_of(under=None, loss=None, model=None, **settings):
    """A search on two pairs, which knows their inputs."""
    x, target = pictures(2), pictures(2, 2)
    loss = loss or LatentLoss((1, 2))
    problem = Problem.of(model or Chain(3, 2), loss, x, target, generators(2), threat=under)
    search = Search(problem, LEVELS, AttackConfig(**settings))
    search.offer(problem.x, EACH, [Origin("zero")] * 2)
    return search


def asked():
    """A descent of every row from beside its input."""
    points = pictures(6, 5).flatten(1)
    return [
        Request(pair, level, points[3 * pair + level], "noise")
        for pair in range(2)
        for level in range(3)
    ]


def test_every_descent_ends_in_its_pairs_pool_under_its_own_level():
    search = search_of()
    search.descend(asked(), 60)
    for pair, pool in enumerate(search.pools):
        assert [origin.level for origin in pool.origins] == [None, 0, 1, 2]
        assert [origin.start for origin in pool.origins] == ["zero", *["noise"] * 3]
        of = torch.full((4,), pair)
        torch.testing.assert_close(pool.parts, search.problem.parts(pool.points, of))
        own = pool.values(LEVELS[pair])
        for level in range(3):
            begun = asked()[3 * pair + level].point
            value, _ = search.problem.value_and_gradient(
                begun[None], torch.tensor([pair]), LEVELS[pair, level, None]
            )
            assert own[level, level + 1] < value


@pytest.mark.parametrize(
    ("how", "evaluations", "end"),
    [
        ({}, 2, "evaluation limit"),
        ({"race": True}, 2, RACED),
        ({"coarse": True}, 2, ON_ONE_DRAW),
        ({"coarse": True, "race": True}, 2, RACED),
        ({}, 400, "converged"),
        ({"race": True}, 400, "converged"),
        ({"coarse": True, "race": True}, 400, ON_ONE_DRAW),
    ],
)
def test_how_a_descent_ended_is_told(how, evaluations, end):
    search = search_of(loss=LatentLoss((1, 2), path="common", draws=3))
    search.descend(asked(), evaluations, **how)
    assert {o.status for pool in search.pools for o in pool.origins} == {"start point", end}
    best = torch.stack([pool.best(own)[1] for pool, own in zip(search.pools, LEVELS, strict=True)])
    raw = search.result(best).delta_raw
    cut_short = end in (RACED, ON_ONE_DRAW)
    assert raw.isnan().all() if cut_short else raw.isfinite().all()


@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_relaxed_descents_leave_the_budget_up_to_the_factor(norm):
    search = search_of(Budget(norm))
    search.levels = LEVELS[:, :1].expand(-1, 3)
    search.descend(asked(), 60, relaxed=2.0)
    for pool, levels in zip(search.pools, search.levels, strict=True):
        sizes = getattr(pool.norms, norm)[1:]
        torch.testing.assert_close(sizes, 2 * levels, rtol=1e-5, atol=0)


def test_a_loss_without_draws_has_no_coarse_descent():
    search = search_of()
    search.descend(asked(), 400, coarse=True)
    assert ON_ONE_DRAW not in {o.status for pool in search.pools for o in pool.origins}


def test_effort_multiplies_evaluations():
    for effort in (1, 2):
        search = search_of()
        search.effort = effort
        search.descend(asked()[:1], 2)
        assert search.evaluations.tolist() == [[2 * effort, 0, 0], [0, 0, 0]]


def test_a_harder_search_is_more_patient():
    """A descent at a hundred times the effort ends at a hundredth of the fall."""
    ends = []
    for effort in (1, 100):
        search = search_of()
        search.effort = effort
        search.descend(asked(), 400)
        ends.append((search.best(), search.evaluations))
    (usual, few), (hard, many) = ends
    assert (many >= few).all()
    assert (many > few).sum() > 3
    assert (hard <= usual + 1e-12).all()


def test_one_draw_is_left_sooner_than_all_and_both_sooner_than_a_loss_without_draws():
    """On one function throughout, so that only the patience differs."""
    spent = []
    for drawn, coarse in ((True, True), (True, False), (False, False)):
        search = search_of()
        loss = search.problem.loss
        only = replace(loss, coarse=loss.parts if drawn else None, averaged=drawn)
        search.problem = replace(search.problem, loss=only)
        search.descend(asked(), 400, coarse=coarse)
        spent.append(int(search.evaluations.sum()))
    assert spent == sorted(set(spent))


def test_a_fall_is_measured_from_the_least_value_of_the_loss():
    """A constant added to loss and floor changes nothing; a floor of 0 would stop too early."""
    x, target = pictures(2), pictures(2, 2)
    problem = Problem.of(Chain(3, 2), LatentLoss((1, 2)), x, target, generators(2))
    raised = replace(
        problem,
        parts_start=problem.parts_start + 50,
        loss=replace(
            problem.loss,
            parts=lambda images, pairs: problem.loss.parts(images, pairs) + 50,
            floor=problem.loss.floor + 100,
        ),
    )
    spent = []
    for of in (problem, raised):
        search = Search(of, LEVELS, AttackConfig())
        search.descend(asked(), 400)
        spent.append(search.evaluations)
    torch.testing.assert_close(*spent, atol=2, rtol=0)


def test_evaluations_of_both_solvers_are_counted_on_the_row():
    for settings in ({"solver": "pgd"}, {}):
        search = search_of(Budget("l2"), threat="l2", **settings)
        search.descend(asked(), 7, explore=True)
        assert (search.evaluations == 7).all()
    search.descend(asked(), 1, explore=True)
    assert (search.evaluations == 8).all()


class BatchDependent(Chain):
    """An encoder that rounds otherwise in larger batches, always to its advantage."""

    def encode(self, x, noise=None):
        posterior = super().encode(x, noise)
        lower = 1 - 1e-9 * len(x)
        layers = tuple(replace(layer, mean=layer.mean * lower) for layer in posterior.layers)
        return replace(posterior, layers=layers)


def test_the_input_has_one_value_whatever_batch_it_is_evaluated_in():
    search = search_of(model=BatchDependent(3, 2))
    problem, rows = search.problem, torch.tensor([1, 1, 0])
    search.offer(problem.x[rows], rows, [Origin("noise", "converged", 1)] * 3)
    for pair, pool in enumerate(search.pools):
        assert pool.parts.equal(problem.parts_start[pair].expand_as(pool.parts))
        assert pool.best(LEVELS[pair])[1].tolist() == [0, 0, 0]


@pytest.mark.parametrize("power", [1, 2])
def test_no_distortion_is_stationary_only_where_it_is_a_strict_local_minimum(power):
    search = search_of(Penalty(power))
    steep = search.problem.gradient_norm
    search.levels = torch.stack([0.9 * steep, 1.1 * steep], dim=1)
    result = search.result(torch.zeros(2, 2, dtype=torch.long))
    at_zero = "stationary at 0" if power == 1 else "start point"
    assert result.status == [["start point", at_zero]] * 2
    assert result.start == [["zero", "zero"]] * 2
    assert result.unconverged.isnan().all()
