"""The race within a budget: later heats in tightened budgets, and annealed gradient steps."""

from typing import NamedTuple

import torch
from torch import Tensor

from seatbelt_vae.attacks.methods.search import RACED, Request, Search
from seatbelt_vae.attacks.methods.solution_pool import Origin
from seatbelt_vae.attacks.problem import Problem
from seatbelt_vae.attacks.threats import Budget

__all__ = ["BudgetRace", "budget_race_of", "continue_race"]


class BudgetRace(NamedTuple):
    """The race within a budget.

    Args:
        codes, images: starts along codes and whole images per random restart.
        relaxed: factor on the budget in the first heat.
        heats: that factor, the number of candidates and their evaluations in each later heat.
        annealed: the number of candidates that take annealed steps.
    """

    codes: int
    images: int
    relaxed: float
    heats: tuple[tuple[float, int, int], ...]
    annealed: int


_HEATS = ((1.0, 12, 16), (1.0, 5, 40))
# damage has minima in more directions than a loss with a target
_DAMAGE = BudgetRace(8, 4, 1.0, _HEATS, 4)
_KINKED = BudgetRace(6, 4, 1.0, _HEATS, 2)
# in a larger budget more starts reach the floor of a smooth loss; kinked losses are smoothed
# instead
_SMOOTH = BudgetRace(4, 2, 2.0, ((1.4, 10, 16), (1.2, 5, 24), (1.0, 5, 40)), 2)

# evaluations of annealed steps: from the best candidates of a row, then from neighbouring rows
_ANNEALED, _ANNEALED_AGAIN = 200, 100
_SETTLING = 8  # evaluations after the annealed steps


def budget_race_of(problem: Problem) -> BudgetRace:
    """The race for the loss of a problem."""
    if problem.loss.floor is None:
        return _DAMAGE
    return _KINKED if problem.loss.kinked else _SMOOTH


def continue_race(search: Search, budget: Budget, within: BudgetRace) -> None:
    """The later heats of a race, and annealed steps from their best candidates."""
    relaxed = within.relaxed
    for factor, count, evaluations in within.heats:
        _share_directions(search, budget, relaxed)
        _race_on(search, count, evaluations, relaxed, factor)
        relaxed = factor
    _anneal(search, _best_of_rows(search, within.annealed), _ANNEALED)
    _anneal(search, _best_of_neighbours(search, budget), _ANNEALED_AGAIN)


def _share_directions(search: Search, budget: Budget, relaxed: float) -> None:
    """Scale the best distortion raced under each relaxed budget to all budgets."""
    count = search.levels.shape[1]
    for pair, (pool, levels) in enumerate(zip(search.pools, search.levels, strict=True)):
        best = pool.best_descended(relaxed * levels).tolist()
        points = torch.cat([_on_edge(search, budget, pair, best, level) for level in levels])
        origins = [
            Origin(pool.origins[k].start, RACED, level) for level in range(count) for k in best
        ]
        search.offer(points, torch.full((len(points),), pair, device=points.device), origins)


def _race_on(search: Search, count: int, evaluations: int, relaxed: float, factor: float) -> None:
    """Continue the race of every row from its best candidates of different directions.

    The candidates are the best within ``relaxed`` times the budget; the descents stay within
    ``factor`` times the budget.
    """
    requests = _best_of_rows(search, count, relaxed)
    search.descend(requests, evaluations, coarse=True, explore=True, race=True, relaxed=factor)


def _anneal(search: Search, requests: list[Request], evaluations: int) -> None:
    """Take long gradient steps that become shorter.

    They leave the poor minima of large networks, where the other descents stay.
    """
    most = search.config.max_evaluations
    search.descend(requests, min(_SETTLING, most), annealed=min(evaluations, most), race=True)


def _best_of_rows(search: Search, count: int, relaxed: float = 1.0) -> list[Request]:
    """Descents from the best candidates of different directions within a relaxed budget."""
    return [
        Request(pair, level, pool.points[k], pool.origins[k].start)
        for pair, pool in enumerate(search.pools)
        for level, value in enumerate(search.levels[pair])
        for k in pool.distinct_best(relaxed * value, search.problem.x[pair], count)
    ]


def _best_of_neighbours(search: Search, budget: Budget) -> list[Request]:
    """Descents from the best distortions of the next smaller and larger budgets, scaled."""
    requests = []
    for pair, (pool, levels) in enumerate(zip(search.pools, search.levels, strict=True)):
        best = pool.best_descended(levels).tolist()
        for level in range(len(levels)):
            near = best[max(level - 1, 0) : level] + best[level + 1 : level + 2]
            points = _on_edge(search, budget, pair, near, levels[level])
            starts = [pool.origins[k].start for k in near]
            requests += [
                Request(pair, level, point, start)
                for point, start in zip(points, starts, strict=True)
            ]
    return requests


def _on_edge(search: Search, budget: Budget, pair: int, chosen: list[int], level: Tensor) -> Tensor:
    """Candidates of a pair with their distortions scaled to a budget, :math:`(K, n)`."""
    problem, pool = search.problem, search.pools[pair]
    scale = budget.scale(pool.norms[chosen], level)[:, None]
    # in float64 a scaled distortion of 0 is 0
    distortions = scale * (pool.points[chosen] - problem.x[pair]).double()
    return problem.bounds.clamp(problem.x[pair] + distortions.to(problem.x))
