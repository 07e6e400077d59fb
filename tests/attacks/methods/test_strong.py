"""Decisions of the strong attack: which rows descend, and from which point."""

import torch

from seatbelt_vae.attacks import LatentLoss, Problem, attack
from seatbelt_vae.attacks.methods.search import Search
from seatbelt_vae.attacks.methods.solution_pool import Origin
from seatbelt_vae.attacks.methods.strong import _unsettled
from seatbelt_vae.config import AttackConfig, ModelConfig, resolve
from seatbelt_vae.models import HierarchicalVAE
from tests.attacks.models import Linear, images


def search_at(shares, **settings):
    """A search on one pair at shares of the λ below which d = 0 is no local minimum."""
    x, target = (image[None] for image in images())
    problem = Problem.of(Linear(), LatentLoss((1,)), x, target, [torch.Generator()])
    levels = problem.gradient_norm[:, None].double() * torch.tensor([shares]).double()
    search = Search(problem, levels, AttackConfig(**settings))
    search.offer(problem.x, torch.tensor([0]), [Origin("zero")])
    return search


def offered(search, share, level):
    """Offer a point on the way to the target, as where a descent of a level ended."""
    problem = search.problem
    point = torch.lerp(problem.x, problem.target, share)
    search.offer(point, torch.tensor([0]), [Origin("noise", "converged", level)])


def test_only_rows_where_zero_is_a_minimum_by_a_wide_margin_are_left_alone():
    x, target = (image[None] for image in images())
    levels = search_at([0.5, 1.5, 2.9, 3.1]).levels
    result = attack(Linear(), x, target, AttackConfig(recheck=0), levels=levels[0])
    assert (result.evaluations[0] > 0).tolist() == [True, True, True, False]


def test_where_nothing_is_best_a_row_descends_from_the_next_smaller_level():
    search = search_at([0.01, 1.5])
    offered(search, 0.9, level=0)
    best = search.pools[0].best(search.levels[0])[1]
    assert best.tolist() == [1, 0]
    assert _unsettled(search, coarse=False) == [(0, 1, 1)]


def test_a_descent_that_ended_at_zero_does_not_end_its_row():
    search = search_at([0.01, 1.5])
    offered(search, 0.9, level=0)
    offered(search, 0.0, level=1)
    raw = search.pools[0].raw(search.levels[0], excluded=())
    assert raw[1] == search.problem.divergence_start[0]
    assert _unsettled(search, coarse=False) == [(0, 1, 1)]


def test_a_descent_that_ends_above_nothing_at_all_is_no_violation():
    search = search_at([0.01, 1.5, 2.0])
    for level, share in enumerate((0.9, 1.0, 0.0)):
        offered(search, share, level)
    of_descents, of_rows = (
        search.result(torch.tensor([[1, 0, 0]]), start_points=own) for own in (False, True)
    )
    start = search.problem.divergence_start[0]
    assert of_descents.delta_raw[0, 1] > 1.01 * start
    assert float(of_descents.raw_violation) > 0.01
    assert of_rows.delta_raw[0, 1:].tolist() == [start, start]
    assert float(of_rows.raw_violation) == 0


class Stretched(Linear):
    """One layer with a code whose sensitivity differs by a factor of 30 between directions."""

    def __init__(self):
        super().__init__(units=8, seed=4)
        scales = torch.logspace(0, -1.5, 8, dtype=torch.float64)
        self.a = torch.linalg.qr(self.a.T)[0].T * scales[:, None]


def test_an_attack_leaves_the_kink_that_a_distance_of_posteriors_has_at_the_target():
    """For small λ the best image is the nearest with the target's code, a pseudo-inverse away."""
    x, target = (image[None] for image in images())
    model = Stretched()
    nearest = torch.linalg.pinv(model.a) @ model.a @ (target - x).flatten()
    levels = torch.tensor([1e-3, 3e-3, 1e-2], dtype=torch.float64)
    result = attack(model, x, target, AttackConfig(loss="latent-w2", recheck=0), levels=levels)
    torch.testing.assert_close(result.delta[0], levels * nearest.norm(), rtol=1e-3, atol=0)
    assert not result.at_start.any()


class OneSided(Linear):
    """One code unit that 12 weak pixels raise and one strong pixel lowers."""

    def __init__(self):
        super().__init__(units=1)
        self.a = torch.tensor([[1.0] * 12 + [-4.0, 0, 0, 0]], dtype=torch.float64)


def test_damage_is_found_in_directions_that_isotropic_noise_does_not_reach():
    """From the lower bound only upward moves are open: the weak pixels win every random start."""
    x = torch.full((1, 1, 4, 4), -5.0, dtype=torch.float64)
    levels = torch.tensor([0.1, 0.5, 2.0], dtype=torch.float64)
    config = AttackConfig(loss="damage-posterior", threat="l2", recheck=0)
    result = attack(OneSided(), x, config=config, levels=levels)
    largest = 0.5 * (4 * levels).square() / torch.tensor(-1.0).exp()
    torch.testing.assert_close(-result.delta[0], largest, rtol=1e-4, atol=0)


def test_a_budget_is_approached_from_a_larger_one():
    """Images on their lower bound, a network with many minima: the target's code is within reach.

    Descents that keep to the budget from the start end at more than 0.016 of r₀ in some pair.
    """
    torch.manual_seed(4)
    settings = ModelConfig("vae", network="mlp", features=24, latent_sizes=(4,))
    model = HierarchicalVAE(resolve(settings, "toy", (1, 8, 8), (-1.0, 1.0))).double().eval()
    with torch.no_grad():
        for weight in model.parameters():
            weight *= 2.5 if weight.ndim > 1 else 1
    target = 2 * torch.rand(2, 3, 1, 8, 8, generator=torch.Generator().manual_seed(0))[1] - 1
    config = AttackConfig(threat="l2", budgets=(0.2, 0.5), recheck=0)
    result = attack(model, -torch.ones_like(target), target, config)
    assert float(result.divergence_ratio[:, 1].amax()) < 0.01


def test_rows_at_a_start_point_say_so():
    search = search_at([0.01, 1.5, 2.0])
    search.offer(search.problem.target, torch.tensor([0]), [Origin("target")])
    offered(search, 0.5, level=0)
    result = search.result(torch.tensor([[1, 0, 2]]))
    assert result.at_start.tolist() == [[True, True, False]]
    assert result.status == [["start point", "stationary at 0", "converged"]]
    assert [row["at_start"] for row in result.rows(0)] == [True, True, False]
