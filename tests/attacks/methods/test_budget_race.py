"""The race within a budget: candidates of neighbouring budgets, and damage at the best corner."""

import itertools

import pytest
import torch

from seatbelt_vae.attacks import LatentLoss, Problem, attack
from seatbelt_vae.attacks.methods.budget_race import _best_of_neighbours, _on_edge
from seatbelt_vae.attacks.methods.search import Search
from seatbelt_vae.attacks.methods.solution_pool import Origin
from seatbelt_vae.attacks.threats import Budget
from seatbelt_vae.config import AttackConfig
from tests.attacks.models import Linear, images

LEVELS = torch.tensor([[0.1, 0.2, 0.4]], dtype=torch.float64)


def search_with_one_descent_per_level(norm, shares):
    """A search whose descents ended on the way to the target, at a share of it per level."""
    x, target = (image[None] for image in images())
    problem = Problem.of(Linear(), LatentLoss((1,)), x, target, [torch.Generator()], Budget(norm))
    search = Search(problem, LEVELS, AttackConfig(threat=norm))
    search.offer(problem.x, torch.tensor([0]), [Origin("zero")])
    for level, share in enumerate(shares):
        point = torch.lerp(problem.x, problem.target, share)
        search.offer(point, torch.tensor([0]), [Origin("noise", "raced", level)])
    return search


@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_candidates_are_scaled_to_the_edge_of_a_budget(norm):
    search = search_with_one_descent_per_level(norm, [0.0, 0.5, 0.9])
    x = search.problem.x[0]
    points = _on_edge(search, Budget(norm), 0, [1, 2], LEVELS[0, 0])
    assert points[0].equal(x)  # a distortion of 0 has no direction
    way = search.problem.target[0] - x
    length = way.norm() if norm == "l2" else way.abs().amax()
    torch.testing.assert_close(points[1], x + 0.1 * way / length)


def test_every_row_descends_from_the_solutions_of_the_budgets_beside_its_own():
    x, target = (image[None] for image in images())
    unit = float((target - x).norm())
    search = search_with_one_descent_per_level("l2", [0.1 / unit, 0.2 / unit, 0.4 / unit])
    requests = _best_of_neighbours(search, Budget("l2"))
    assert [request.level for request in requests] == [0, 1, 1, 2]
    sizes = [float((request.point - x.flatten()).norm()) for request in requests]
    assert sizes == pytest.approx([0.1, 0.2, 0.2, 0.4])


@pytest.mark.parametrize("seed", range(6))
def test_damage_within_a_box_is_that_of_its_best_corner(seed):
    """The KL of a linear encoder is convex in d: its maximum is at one of 65,536 corners."""
    model, x = Linear(units=8, seed=seed), torch.zeros(1, 1, 4, 4, dtype=torch.float64)
    corners = torch.tensor(list(itertools.product((-1.0, 1.0), repeat=16)), dtype=torch.float64)
    level = torch.tensor([0.3], dtype=torch.float64)
    config = AttackConfig(loss="damage-posterior", threat="linf", recheck=0)
    result = attack(model, x, config=config, levels=level)
    values = result.problem.parts(x.flatten() + 0.3 * corners, torch.zeros(len(corners)).long())
    assert -float(result.delta[0, 0]) == pytest.approx(-float(values.sum(1).amin()), rel=1e-9)
