"""The race within a budget: later heats in tightened budgets, and annealed gradient steps."""

from typing import NamedTuple

import torch

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
    """

    codes: int
    images: int
    relaxed: float
    heats: tuple[tuple[float, int, int], ...]


# in a larger budget more starts reach the floor of a smooth loss; damage has no floor, and kinked
# losses are smoothed instead
_RELAXED = BudgetRace(4, 2, 2.0, ((1.4, 10, 16), (1.2, 5, 24), (1.0, 5, 40)))
_DIRECT = BudgetRace(6, 0, 1.0, ((1.0, 12, 16), (1.0, 5, 40)))

# candidates per row, and the evaluations of their annealed steps
_ANNEALED = 2, 200
_SETTLING = 8  # evaluations after the annealed steps


def budget_race_of(problem: Problem) -> BudgetRace:
    """The race for the loss of a problem."""
    smooth = problem.loss.floor is not None and not problem.loss.kinked
    return _RELAXED if smooth else _DIRECT


def continue_race(search: Search, budget: Budget, within: BudgetRace) -> None:
    """The later heats of a race, and annealed steps from their best candidates."""
    relaxed = within.relaxed
    for factor, count, evaluations in within.heats:
        _share_directions(search, budget, relaxed)
        _race_on(search, count, evaluations, relaxed, factor)
        relaxed = factor
    _anneal(search)


def _share_directions(search: Search, budget: Budget, relaxed: float) -> None:
    """Scale the best distortion raced under each relaxed budget to all budgets."""
    problem, count = search.problem, search.levels.shape[1]
    for pair, (pool, levels) in enumerate(zip(search.pools, search.levels, strict=True)):
        best = pool.best_descended(relaxed * levels)
        share = budget.scale(pool.norms[best][:, None], levels).T.to(problem.x)
        x = problem.x[pair]
        points = problem.bounds.clamp(x + share[..., None] * (pool.points[best] - x)).flatten(0, 1)
        origins = [
            Origin(pool.origins[k].start, RACED, level)
            for level in range(count)
            for k in best.tolist()
        ]
        search.offer(points, torch.full((len(points),), pair, device=x.device), origins)


def _race_on(search: Search, count: int, evaluations: int, relaxed: float, factor: float) -> None:
    """Continue the race of every row from its best candidates of different directions.

    The candidates are the best within ``relaxed`` times the budget; the descents stay within
    ``factor`` times the budget.
    """
    requests = _best_of_rows(search, count, relaxed)
    search.descend(requests, evaluations, coarse=True, explore=True, race=True, relaxed=factor)


def _anneal(search: Search) -> None:
    """Take long gradient steps that become shorter from the best candidates of each row.

    They leave the poor minima of large networks, where the other descents stay.
    """
    count, evaluations = _ANNEALED
    requests = _best_of_rows(search, count)
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
