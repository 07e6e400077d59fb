"""The strong attack: many starts, and exchange of solutions between levels.

One start rarely finds the minimum, and an optimiser that stops early makes a model look robust.
Every start first descends for a few evaluations (a race). Then each level continues from the best
point known under it, whichever start or level found that point.

Within a budget the minima are many and lie in different directions. The race then has more starts,
and its best directions go through longer heats. For smooth losses with a floor it begins within a
larger budget, where more starts reach a good minimum, and tightens it from heat to heat. A kinked
loss is smoothed at first: descents of the loss itself stop in the valley of its kink.
"""

from dataclasses import replace
from itertools import groupby
from operator import itemgetter

import torch
from torch import Tensor

from seatbelt_vae.attacks.methods.budget_race import BudgetRace, budget_race_of, continue_race
from seatbelt_vae.attacks.methods.concavity import near_chord
from seatbelt_vae.attacks.methods.search import CUT_SHORT, RACED, Request, Search
from seatbelt_vae.attacks.methods.solution_pool import Origin
from seatbelt_vae.attacks.methods.starts import (
    along_codes,
    noise_start,
    restarts,
    segment,
    whole_images,
)
from seatbelt_vae.attacks.problem import Problem
from seatbelt_vae.attacks.result import AttackResult
from seatbelt_vae.attacks.threats import Budget, Penalty
from seatbelt_vae.config import AttackConfig
from seatbelt_vae.randomness import Stream, generator_for

__all__ = ["strong_attack"]

_RACE, _RACE_ON_ONE = 8, 5
_UNFINISHED_ON_ONE = ("evaluation limit", RACED)
_UNFINISHED = ("evaluation limit", *CUT_SHORT)
# levels solved first: every fourth one, with at most this many evaluations
_FIRST_STRIDE, _FIRST_EVALUATIONS = 4, 200
# index of d = 0 in every pool
_ZERO_CANDIDATE = 0
_ROUNDS, _ROUNDS_ON_ONE = 5, 2
_ZERO_MARGIN = 3.0

Key = tuple[int, int]
"""Key of a pair's random numbers."""


_Candidate = tuple[int, int, int]
"""Indices of a pair, of a level, and of the candidate in the pool to descend from."""


def strong_attack(
    problem: Problem, levels: Tensor, config: AttackConfig, keys: list[Key]
) -> AttackResult:
    r"""The best distortion of every level of every pair from many starts with exchange.

    Args:
        problem: the pairs.
        levels: λ or ε ascending, :math:`(P, W)`.
        config: restarts, evaluations, memory.
        keys: key of each pair's random numbers.
    """
    search = Search(problem, levels, config)
    _offer_start_points(search)
    within = budget_race_of(problem)
    _race(search, ~_settled_at_zero(search), keys, within)
    if isinstance(problem.threat, Budget):
        continue_race(search, problem.threat, within)
    if problem.loss.coarse is not None:
        _exchange(search, coarse=True)
    _exchange(search)
    if problem.loss.kinked:
        _descend_across_kinks(search)
    best = [pool.best(of_pair)[1] for pool, of_pair in zip(search.pools, levels, strict=True)]
    return search.result(torch.stack(best), start_points=True)


def _offer_start_points(search: Search) -> None:
    """Offer the input, points between it and the target, and within budgets their blends."""
    problem, levels = search.problem, search.levels
    count, width = levels.shape
    pairs = torch.arange(count, device=problem.x.device)
    between = segment(problem)
    search.offer(problem.x, pairs, [Origin("zero")] * count)
    labels = [Origin("segment")] * (between.shape[1] - 1) + [Origin("target")]
    search.offer(between.flatten(0, 1), pairs.repeat_interleave(between.shape[1]), labels * count)
    if not isinstance(problem.threat, Penalty):
        blends = problem.blends(levels).flatten(0, 1)
        search.offer(blends, pairs.repeat_interleave(width), [Origin("blend")] * len(blends))


def _settled_at_zero(search: Search) -> Tensor:
    """Rows where d = 0 is a local minimum by a factor of 3 and no better point is known, (P, W)."""
    problem = search.problem
    if not isinstance(problem.threat, Penalty) or problem.threat.power == 2:
        return torch.zeros(search.levels.shape, dtype=torch.bool)
    none_better = search.best() >= problem.divergence_start[:, None]
    return (none_better & (search.levels > _ZERO_MARGIN * problem.gradient_norm[:, None])).cpu()


def _race(search: Search, rows: Tensor, keys: list[Key], within: BudgetRace) -> None:
    """Short descents of rows (P, W) from their best start point, from noise, and from restarts."""
    problem, count, requests = search.problem, search.config.restarts, []
    for pair, key in enumerate(keys):
        chosen = rows[pair].nonzero()[:, 0].tolist()
        if not chosen:
            continue
        generator, pool = generator_for(Stream.RACE_STARTS, *key), search.pools[pair]
        # at the target the gradient of a divergence is 0 or jumps
        left_out = ("zero", "target")
        known = [
            k for k, o in enumerate(pool.origins) if o.level is None and o.start not in left_out
        ]
        values = pool.values(search.levels[pair, chosen])[:, known]
        near = pool.points[known][values.argmin(dim=1)]
        own = search.levels[pair, chosen]
        kinds = {
            "segment": near,
            "noise": noise_start(problem, pair, len(chosen), generator),
            "restart": restarts(problem, pair, own, count, generator),
        }
        if isinstance(problem.threat, Budget):
            kinds["code"] = along_codes(problem, pair, own, within.codes * count, generator)
            images = within.images * count * len(own)
            kinds["image"] = whole_images(problem, pair, images, generator)
        requests += [
            Request(pair, chosen[row * len(chosen) // len(points)], point, kind)
            for kind, points in kinds.items()
            for row, point in enumerate(points)
        ]
    length = _RACE_ON_ONE if problem.loss.averaged else _RACE
    length = min(length, search.config.max_evaluations)
    relaxed = within.relaxed if search.config.within_budget else 1.0
    search.descend(requests, length, coarse=True, explore=True, race=True, relaxed=relaxed)


def _exchange(search: Search, *, coarse: bool = False) -> None:
    """Descend each row from the best point known under its level until no row improves.

    Every fourth level is solved first; most of the others then need no descent, see `near_chord`.
    """
    tried: set[_Candidate] = set()
    _descend_new(
        search, _every_fourth(_unsettled(search, coarse)), tried, _FIRST_EVALUATIONS, coarse
    )
    for _ in range(_ROUNDS_ON_ONE if coarse else _ROUNDS):
        before = search.best()
        candidates = _unsettled(search, coarse)
        _descend_new(search, candidates, tried, search.config.max_evaluations, coarse)
        if not (before - search.best() > search.problem.tolerance(before)).any():
            return


def _descend_across_kinks(search: Search) -> None:
    """Descend from every solution on the smoothed loss, and from there on the loss itself."""
    requests = []
    for pair, (pool, levels) in enumerate(zip(search.pools, search.levels, strict=True)):
        for level, k in enumerate(pool.best(levels)[1].tolist()):
            if k != _ZERO_CANDIDATE:
                start = pool.origins[k].start
                requests.append(Request(pair, level, pool.points[k], start))
    most = search.config.max_evaluations
    search.descend(requests, min(_FIRST_EVALUATIONS, most), coarse=True, race=True)
    ends = [{o.level: k for k, o in enumerate(pool.origins)} for pool in search.pools]
    smoothed = [search.pools[r.pair].points[ends[r.pair][r.level]] for r in requests]
    search.descend([replace(r, point=p) for r, p in zip(requests, smoothed, strict=True)], most)


def _descend_new(
    search: Search,
    candidates: list[_Candidate],
    tried: set[_Candidate],
    evaluations: int,
    coarse: bool,
) -> None:
    """Descend from the candidates that were not tried before."""
    new = [candidate for candidate in candidates if candidate not in tried]
    tried.update(new)
    requests = [
        Request(pair, level, search.pools[pair].points[k], search.pools[pair].origins[k].start)
        for pair, level, k in new
    ]
    most = search.config.max_evaluations
    search.descend(requests, min(evaluations, most), coarse=coarse, race=evaluations < most)


def _every_fourth(candidates: list[_Candidate]) -> list[_Candidate]:
    """Every fourth candidate of each pair, and its last."""
    chosen = []
    for _, group in groupby(candidates, key=itemgetter(0)):
        of_pair = list(group)
        chosen += [*of_pair[:-1:_FIRST_STRIDE], of_pair[-1]]
    return chosen


def _unsettled(search: Search, coarse: bool) -> list[_Candidate]:
    """The rows that a descent may improve, each with the candidate to start from.

    The candidate is the best end of a descent under any level; where d = 0 is best but not settled,
    the best candidate of the next smaller level. A row is left out if its own descent reached the
    best value known, or if its value cannot fall by more than the tolerance.
    """
    problem, levels = search.problem, search.levels
    unfinished = _UNFINISHED_ON_ONE if coarse else _UNFINISHED
    pools = list(zip(search.pools, levels, strict=True))
    best, chosen = search.best(), torch.stack([pool.best(of_pair)[1] for pool, of_pair in pools])
    raw = torch.stack([pool.raw(of_pair, excluded=unfinished) for pool, of_pair in pools])
    settled = (raw <= best + problem.tolerance(best)) & (chosen != _ZERO_CANDIDATE)
    settled |= _settled_at_zero(search).to(settled.device)
    settled |= problem.remaining(best) <= problem.negligible[:, None]
    if isinstance(problem.threat, Penalty):
        settled |= near_chord(levels, best, settled, problem.tolerance(best))
    candidates = []
    for pair, (pool, of_pair) in enumerate(pools):
        descended, picked = pool.best_descended(of_pair).tolist(), chosen[pair].tolist()
        for level in (~settled[pair]).nonzero()[:, 0].tolist():
            k = picked[level - (level > 0 and picked[level] == _ZERO_CANDIDATE)]
            if pool.origins[k].level is None:
                k = descended[level]
            origin = pool.origins[k]
            finished = origin.level == level and origin.status not in unfinished
            if origin.level is not None and not finished:
                candidates.append((pair, level, k))
    return candidates
