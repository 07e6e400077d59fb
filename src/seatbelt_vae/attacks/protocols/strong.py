"""The strong protocol: many starts, exchange of solutions between levels, a check by doubling.

What one start finds is not a minimum, and a robust-looking number must not be an optimiser that
stopped early (method page, section 4.1 with its corrections). Starts race: each descends for a few
evaluations, and then only the best point known under a level, whoever found it, goes on to the end.
"""

import torch
from torch import Tensor

from seatbelt_vae.attacks.problem import Problem
from seatbelt_vae.attacks.protocols.candidates import Origin
from seatbelt_vae.attacks.protocols.search import Request, Search
from seatbelt_vae.attacks.protocols.starts import noise_start, restarts, segment
from seatbelt_vae.attacks.result import AttackResult
from seatbelt_vae.attacks.threats import Penalty
from seatbelt_vae.config import AttackConfig
from seatbelt_vae.randomness import generator_for

__all__ = ["strong_attack"]

_RACE, _RACE_ON_ONE, _RACE_IN_BUDGET = 8, 5, 30
_UNFINISHED = ("evaluation limit", "on one draw")
_ROUNDS, _ROUNDS_ON_ONE = 5, 2
_CLEARLY = 3.0
_RECHECK_SCALE = 1e-3

Key = tuple[int, ...]
"""What the random numbers of a pair depend on."""


def strong_attack(
    problem: Problem, levels: Tensor, config: AttackConfig, keys: list[Key]
) -> AttackResult:
    r"""The best distortion the strong protocol finds for every level of every pair.

    Args:
        problem: the pairs.
        levels: λ or ε ascending, :math:`(P, W)`.
        config: effort: restarts, evaluations, memory, share of rows rechecked.
        keys: what each pair's random starts depend on.
    """
    search = Search(problem, levels, config)
    _offer_known(search)
    _race(search, ~_clearly_zero(search), [(*key, 1) for key in keys])
    if problem.loss.coarse is not None:
        _exchange(search, coarse=True)
    _exchange(search)
    unconverged = _recheck(search, keys)
    best = [pool.best(own)[1] for pool, own in zip(search.pools, levels, strict=True)]
    return search.result(torch.stack(best), unconverged)


def _offer_known(search: Search) -> None:
    """Candidates that need no descent: the input, the segment to the target, its allowed part."""
    problem, levels = search.problem, search.levels
    count, width = levels.shape
    each = torch.arange(count, device=problem.x.device)
    between = segment(problem)
    search.offer(problem.x, each, [Origin("zero")] * count)
    labels = [Origin("segment")] * (between.shape[1] - 1) + [Origin("target")]
    search.offer(between.flatten(0, 1), each.repeat_interleave(between.shape[1]), labels * count)
    if not isinstance(problem.threat, Penalty):
        blends = problem.blends(levels).flatten(0, 1)
        search.offer(blends, each.repeat_interleave(width), [Origin("blend")] * len(blends))


def _clearly_zero(search: Search) -> Tensor:
    """Rows where d = 0 is a local minimum by a wide margin and nothing better is known, (P, W)."""
    problem = search.problem
    if not isinstance(problem.threat, Penalty) or problem.threat.power == 2:
        return torch.zeros(search.levels.shape, dtype=torch.bool)
    none_better = search.best() >= problem.divergence_start[:, None]
    return (none_better & (search.levels > _CLEARLY * problem.gradient_norm[:, None])).cpu()


def _race(search: Search, rows: Tensor, keys: list[Key]) -> None:
    """Descend rows (P, W) a little from their best known points, from noise, and from restarts."""
    problem, count, requests = search.problem, search.config.restarts * search.effort, []
    for pair, key in enumerate(keys):
        chosen = rows[pair].nonzero()[:, 0].tolist()
        if not chosen:
            continue
        generator, pool = generator_for(*key), search.pools[pair]
        known = [k for k, o in enumerate(pool.origins) if o.level is None and o.start != "zero"]
        values = pool.values(search.levels[pair, chosen])[:, known]
        points = [
            pool.points[known][values.argmin(dim=1)],
            noise_start(problem, pair, len(chosen), generator),
            restarts(problem, pair, search.levels[pair, chosen], count, generator),
        ]
        repeated = [level for level in chosen for _ in range(count)]
        labels = ["segment"] * len(chosen) + ["noise"] * len(chosen) + ["restart"] * len(repeated)
        requests += [
            Request(pair, level, point, label)
            for level, point, label in zip(
                chosen + chosen + repeated, torch.cat(points), labels, strict=True
            )
        ]
    if search.config.within_budget:
        length = _RACE_IN_BUDGET
    else:
        length = _RACE if problem.loss.coarse is None else _RACE_ON_ONE
    length = min(length, search.config.max_evaluations)
    search.descend(requests, length, coarse=True, explore=True)


def _exchange(search: Search, *, coarse: bool = False) -> None:
    """Descend each row from the best point known under its level, until no row falls any more."""
    problem = search.problem
    tried: set[tuple[int, int, int]] = set()
    for _ in range(_ROUNDS_ON_ONE if coarse else _ROUNDS):
        before = search.best()
        asked = [ask for ask in _worth_a_descent(search) if ask not in tried]
        tried.update(asked)
        requests = [
            Request(pair, level, search.pools[pair].points[k], search.pools[pair].origins[k].start)
            for pair, level, k in asked
        ]
        search.descend(requests, search.config.max_evaluations, coarse=coarse)
        if not (before - search.best() > problem.tolerance(before)).any():
            return


def _worth_a_descent(search: Search) -> list[tuple[int, int, int]]:
    """Rows with a point to descend from, as (pair, level, candidate).

    That is the row's best point that was descended to, under whatever level, unless a descent of
    its own has ended as low as anything known; or, where the best is d = 0 though d = 0 is no clear
    minimum, the best point of the next smaller level.
    """
    worth, clearly_zero = [], _clearly_zero(search).tolist()
    best = search.best()
    within = best + search.problem.tolerance(best)
    hopeless = (search.problem.remaining(best) <= search.problem.negligible[:, None]).tolist()
    for pair, pool in enumerate(search.pools):
        levels = search.levels[pair]
        chosen, descended = pool.best(levels)[1].tolist(), pool.best_descended(levels).tolist()
        ended = (pool.raw(levels, but=_UNFINISHED) <= within[pair]).tolist()
        for level, k in enumerate(chosen):
            if clearly_zero[pair][level] or hopeless[pair][level]:
                continue
            if pool.origins[k].start == "zero" and level > 0:
                k = chosen[level - 1]
            elif ended[level]:
                continue
            if pool.origins[k].level is None:
                k = descended[level]
            own = pool.origins[k].level == level and pool.origins[k].status not in _UNFINISHED
            if pool.origins[k].level is not None and not own:
                worth.append((pair, level, k))
    return worth


def _recheck(search: Search, keys: list[Key]) -> Tensor | None:
    """Rerun a random share of the rows with twice the effort; how much lower they come out."""
    count = round(search.config.recheck * search.levels.shape[1])
    if count == 0:
        return None
    rows = torch.zeros(search.levels.shape, dtype=torch.bool)
    for pair, key in enumerate(keys):
        order = torch.randperm(rows.shape[1], generator=generator_for(*key, 2))
        rows[pair, order[:count]] = True
    before = _log_remaining(search)
    doubled = search.with_effort(2)
    _race(doubled, rows, [(*key, 3) for key in keys])
    best = [pool.best(own)[1] for pool, own in zip(search.pools, search.levels, strict=True)]
    doubled.descend(
        [
            Request(pair, level, search.pools[pair].points[best[pair][level]], "recheck")
            for pair, level in rows.nonzero().tolist()
        ],
        search.config.max_evaluations,
    )
    fall = (before - _log_remaining(search)) * rows.to(before.device)
    return fall.sum(1) / count


def _log_remaining(search: Search) -> Tensor:
    """How far every row is from the best thinkable, on a scale where doubling effort shows."""
    problem, best = search.problem, search.best()
    if problem.loss.floor is None:
        gain = problem.remaining(best)
        return -(gain + _RECHECK_SCALE * gain.amax(1, keepdim=True)).log()
    gain = (best - problem.loss.floor[:, None]).clamp_min(0)  # a KL of 0 may round below it
    return (gain + _RECHECK_SCALE * problem.span[:, None]).log()
