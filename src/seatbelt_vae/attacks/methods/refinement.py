r"""Descents in float64 from solutions whose loss is small.

A distance of codes near 0 is a difference of nearly equal float32 numbers. Its rounding, about
:math:`10^{-7}` of the codes, exceeds the progress of a step, and float32 descents stop early.
"""

from dataclasses import replace

import torch

from seatbelt_vae.attacks.methods.search import Request, Search
from seatbelt_vae.attacks.methods.solution_pool import Origin
from seatbelt_vae.attacks.problem import Problem
from seatbelt_vae.attacks.result import AttackResult
from seatbelt_vae.config import AttackConfig

__all__ = ["refine"]

_SMALL, _SMALL_IN_BUDGET = 0.1, 0.01
_ROUNDS, _EVALUATIONS = 5, 200
_FALL = 1e-3  # a row that a round lowers by less is done


def refine(result: AttackResult, problem: Problem, config: AttackConfig) -> AttackResult:
    r"""Lower the rows with :math:`\Delta - c < 0.1\,(r_0 - c)` by descents in float64.

    Within a budget the factor is 0.01.

    Args:
        result: the attack.
        problem: the problem of the attack in float64.
        config: the settings of the attack.

    Returns:
        The result with every better point, in the attack's own precision.
    """
    search = Search(problem, result.levels, config)
    share = _SMALL_IN_BUDGET if config.within_budget else _SMALL
    small = problem.remaining(result.delta) < share * problem.span[:, None]
    rows = (small & (result.norms.linf > 0)).nonzero().tolist()
    for pair, level in rows:
        point = result.points[pair, level, None].to(problem.x)
        origin = Origin(result.start[pair][level], result.status[pair][level], level)
        search.offer(point, torch.tensor([pair], device=point.device), [origin])
    for _ in range(_ROUNDS):
        before = [_best(search, *row) for row in rows]
        requests = []
        for (pair, level), (_, k) in zip(rows, before, strict=True):
            pool = search.pools[pair]
            requests.append(Request(pair, level, pool.points[k], pool.origins[k].start))
        search.descend(requests, min(_EVALUATIONS, config.max_evaluations))
        rows = [
            row
            for row, (delta, _) in zip(rows, before, strict=True)
            if _best(search, *row)[0] < (1 - _FALL) * delta
        ]
    found = result
    for pair, pool in enumerate(search.pools):
        if pool.origins:
            found = _with_ends(found, pool.points, pair)
    return replace(found, evaluations=result.evaluations + search.evaluations)


def _best(search: Search, pair: int, level: int) -> tuple[float, int]:
    r"""The smallest :math:`\Delta` of a row and its candidate's index."""
    delta, index = search.pools[pair].best(search.levels[pair, level, None])
    return float(delta), int(index)


def _with_ends(result: AttackResult, ends: torch.Tensor, pair: int) -> AttackResult:
    """The result with the ends of one pair; the others are offered their input."""
    points = result.problem.x[:, None].repeat(1, len(ends), 1)
    points[pair] = ends.to(points)
    return result.with_points(points, "float64", "refined")[0]
