"""The strong protocol: many starts, exchange of solutions between levels, a check by doubling.

What one start finds is not a minimum, and a robust-looking number must not be an optimiser that
stopped early (method page, section 4.1 with its corrections). Starts race: each descends for a few
evaluations, and then only the best point known under a level, whoever found it, goes on to the end.
"""

import torch
from torch import Tensor

from seatbelt_vae.attacks.methods.concavity import on_a_chord
from seatbelt_vae.attacks.methods.search import ON_ONE_DRAW, RACED, Request, Search
from seatbelt_vae.attacks.methods.solution_pool import Origin
from seatbelt_vae.attacks.methods.starts import beside, noise_start, restarts, segment
from seatbelt_vae.attacks.problem import Problem
from seatbelt_vae.attacks.result import AttackResult
from seatbelt_vae.attacks.threats import Penalty
from seatbelt_vae.config import AttackConfig
from seatbelt_vae.randomness import Stream, generator_for

__all__ = ["strong_attack"]

_RACE, _RACE_ON_ONE, _RACE_IN_BUDGET = 8, 5, 30
_UNFINISHED_ON_ONE = ("evaluation limit", RACED)
_UNFINISHED = (*_UNFINISHED_ON_ONE, ON_ONE_DRAW)
# the rows of a pair that go ahead of the others, and how far, so that none keeps them waiting
_STRIDE, _AHEAD = 4, 200
# the candidate that every pool is offered first
_ZERO = 0
_ROUNDS, _ROUNDS_ON_ONE = 5, 2
_CLEARLY = 3.0
_RECHECK_SCALE = 1e-3

Key = tuple[int, int]
"""What the random numbers of a pair depend on."""

_Ask = tuple[int, int, int]
"""A pair, a level, and the candidate to descend from."""


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
    _race(search, ~_clearly_zero(search), keys)
    if problem.loss.coarse is not None:
        _exchange(search, coarse=True)
    _exchange(search)
    unconverged = _recheck(search, keys)
    best = [pool.best(own)[1] for pool, own in zip(search.pools, levels, strict=True)]
    return search.result(torch.stack(best), unconverged, start_points=True)


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


def _race(search: Search, rows: Tensor, keys: list[Key], *, again: bool = False) -> None:
    """Descend rows (P, W) a little from their best known points, from noise, and from restarts."""
    problem, count, requests = search.problem, search.config.restarts * search.effort, []
    starts = Stream.RECHECK_STARTS if again else Stream.RACE_STARTS
    offsets = Stream.RECHECK_OFFSETS if again else Stream.RACE_OFFSETS
    for pair, key in enumerate(keys):
        chosen = rows[pair].nonzero()[:, 0].tolist()
        if not chosen:
            continue
        generator, pool = generator_for(starts, *key), search.pools[pair]
        known = [k for k, o in enumerate(pool.origins) if o.level is None and o.start != "zero"]
        values = pool.values(search.levels[pair, chosen])[:, known]
        near = pool.points[known][values.argmin(dim=1)]
        # at the target itself a distance of posteriors has a kink, where a descent would stay
        at_target = (near == problem.target[pair]).all(1, keepdim=True)
        points = [
            torch.where(at_target, beside(problem, near, generator_for(offsets, *key)), near),
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
    search.descend(requests, length, coarse=True, explore=True, race=True)


def _exchange(search: Search, *, coarse: bool = False) -> None:
    """Descend each row from the best point known under its level, until no row falls any more.

    A few rows of each pair go first: most of the others then need no descent, see `on_a_chord`.
    """
    tried: set[_Ask] = set()
    _descend_from(search, _spread(_worth_a_descent(search, coarse)), tried, _AHEAD, coarse)
    for _ in range(_ROUNDS_ON_ONE if coarse else _ROUNDS):
        before = search.best()
        asked = _worth_a_descent(search, coarse)
        _descend_from(search, asked, tried, search.config.max_evaluations, coarse)
        if not (before - search.best() > search.problem.tolerance(before)).any():
            return


def _descend_from(
    search: Search, asked: list[_Ask], tried: set[_Ask], evaluations: int, coarse: bool
) -> None:
    """Descend what is asked for and was not tried."""
    new = [ask for ask in asked if ask not in tried]
    tried.update(new)
    requests = [
        Request(pair, level, search.pools[pair].points[k], search.pools[pair].origins[k].start)
        for pair, level, k in new
    ]
    most = search.config.max_evaluations
    search.descend(requests, min(evaluations, most), coarse=coarse, race=evaluations < most)


def _spread(asked: list[_Ask]) -> list[_Ask]:
    """Every fourth of each pair's rows, and its last."""
    chosen = []
    for pair in dict.fromkeys(ask[0] for ask in asked):
        own = [ask for ask in asked if ask[0] == pair]
        chosen += [*own[:-1:_STRIDE], own[-1]]
    return chosen


def _worth_a_descent(search: Search, coarse: bool) -> list[_Ask]:
    """Rows with a point to descend from.

    That is the row's best point that was descended to, under whatever level, unless a descent of
    its own has ended as low as anything known, or none could lead lower; or, where the best is
    d = 0 though d = 0 is no clear minimum, the best point of the next smaller level.
    """
    problem, levels = search.problem, search.levels
    unfinished = _UNFINISHED_ON_ONE if coarse else _UNFINISHED
    pools = list(zip(search.pools, levels, strict=True))
    best, chosen = search.best(), torch.stack([pool.best(own)[1] for pool, own in pools])
    raw = torch.stack([pool.raw(own, but=unfinished) for pool, own in pools])
    ended = (raw <= best + problem.tolerance(best)) & (chosen != _ZERO)
    ended |= _clearly_zero(search).to(ended.device)
    ended |= problem.remaining(best) <= problem.negligible[:, None]
    if isinstance(problem.threat, Penalty):
        ended |= on_a_chord(levels, best, ended, problem.tolerance(best))
    worth = []
    for pair, (pool, own) in enumerate(pools):
        descended, picked = pool.best_descended(own).tolist(), chosen[pair].tolist()
        for level in (~ended[pair]).nonzero()[:, 0].tolist():
            k = picked[level - (level > 0 and picked[level] == _ZERO)]
            if pool.origins[k].level is None:
                k = descended[level]
            origin = pool.origins[k]
            own_end = origin.level == level and origin.status not in unfinished
            if origin.level is not None and not own_end:
                worth.append((pair, level, k))
    return worth


def _recheck(search: Search, keys: list[Key]) -> Tensor | None:
    """Rerun a random share of the rows with twice the effort; how much lower they come out."""
    if search.config.recheck == 0:
        return None
    count = max(1, round(search.config.recheck * search.levels.shape[1]))
    rows = torch.zeros(search.levels.shape, dtype=torch.bool)
    for pair, key in enumerate(keys):
        generator = generator_for(Stream.RECHECKED_ROWS, *key)
        order = torch.randperm(rows.shape[1], generator=generator)
        rows[pair, order[:count]] = True
    before = _log_remaining(search)
    doubled = search.with_effort(2)
    _race(doubled, rows, keys, again=True)
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
