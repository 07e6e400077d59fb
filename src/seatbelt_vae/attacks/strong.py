"""The strong protocol: many starts, exchange of solutions between λ, and a check by doubling.

What one start finds is not a minimum, and a robust-looking number must not be an optimiser that
stopped early (method page, section 4.1 with its corrections).
"""

import torch
from torch import Tensor

from seatbelt_vae.attacks.candidates import Origin
from seatbelt_vae.attacks.problem import Problem
from seatbelt_vae.attacks.result import PairResult
from seatbelt_vae.attacks.search import Search
from seatbelt_vae.attacks.starts import noise_start, restarts, segment
from seatbelt_vae.config import AttackConfig
from seatbelt_vae.randomness import generator_for

__all__ = ["strong_attack"]

_ROUNDS = 5
_FALL = 1e-3
_NEGLIGIBLE = 1e-6
_CLEARLY = 3.0
_RECHECK_SCALE = 1e-3


def strong_attack(
    problem: Problem, weights: Tensor, config: AttackConfig, key: tuple[int, ...]
) -> PairResult:
    r"""The best distortion the strong protocol finds for every λ of one pair.

    Args:
        problem: the pair.
        weights: λ ascending, :math:`(W)`.
        config: effort: restarts, evaluations, memory, share of rows rechecked.
        key: what the random starts depend on.
    """
    search = Search(problem, weights, config)
    between = segment(problem)
    search.pool.add(problem.x[None], [Origin("zero")])
    search.pool.add(between, [Origin("segment")] * (len(between) - 1) + [Origin("target")])
    rows = [row for row, zero in enumerate(_clearly_zero(search)) if not zero]
    _from_all_starts(search, rows, (*key, 1))
    _exchange(search)
    unconverged = _recheck(search, key)
    _, best = search.pool.best(weights)
    return PairResult.of(search, best, unconverged)


def _clearly_zero(search: Search) -> list[bool]:
    """Rows where d = 0 is a local minimum by a wide margin and nothing better is known."""
    best, _ = search.pool.best(search.weights)
    none_better = best >= search.problem.divergence_start
    return (none_better & (search.weights > _CLEARLY * search.problem.gradient_norm)).tolist()


def _from_all_starts(search: Search, rows: list[int], key: tuple[int, ...]) -> None:
    """Descend each row from its best point between the images, from noise, and from restarts."""
    problem, count, generator = search.problem, search.config.restarts, generator_for(*key)
    between = [k for k, o in enumerate(search.pool.origins) if o.start in ("segment", "target")]
    values = search.pool.values(search.weights[rows])[:, between]
    points = [
        search.pool.points[between][values.argmin(dim=1)],
        noise_start(problem, len(rows), generator),
        restarts(problem, len(rows), count, generator),
    ]
    repeated = [row for row in rows for _ in range(count)]
    starts = ["segment"] * len(rows) + ["noise"] * len(rows) + ["restart"] * len(repeated)
    search.descend(torch.cat(points), rows + rows + repeated, starts)


def _exchange(search: Search) -> None:
    """Descend each row from the best point another row found, until no row falls any more."""
    floor, span = search.problem.loss.floor, search.problem.span
    tried: set[tuple[int, int]] = set()
    for _ in range(_ROUNDS):
        before, _ = search.pool.best(search.weights)
        borrowed = [pair for pair in _borrowed(search) if pair not in tried]
        tried.update(borrowed)
        rows, points = [row for row, _ in borrowed], [k for _, k in borrowed]
        search.descend(search.pool.points[points], rows, ["exchange"] * len(rows))
        after, _ = search.pool.best(search.weights)
        tolerance = _FALL * (before - floor).abs() + _NEGLIGIBLE * span
        if not (before - after > tolerance).any():
            return


def _borrowed(search: Search) -> list[tuple[int, int]]:
    """Rows with a point of another row to descend from, as (row, candidate).

    That is the row's best point, if another row found it; or, where the best is d = 0 though d = 0
    is no clear minimum, the best point of the next smaller λ.
    """
    _, best = search.pool.best(search.weights)
    origins, clearly_zero = search.pool.origins, _clearly_zero(search)
    borrowed = []
    for row, k in enumerate(best.tolist()):
        if origins[k].start == "zero" and row > 0 and not clearly_zero[row]:
            k = int(best[row - 1])
        if origins[k].weight not in (None, row):
            borrowed.append((row, k))
    return borrowed


def _recheck(search: Search, key: tuple[int, ...]) -> float | None:
    """Rerun a random share of the rows with twice the effort; how much lower they come out."""
    count = round(search.config.recheck * len(search.weights))
    if count == 0:
        return None
    order = torch.randperm(len(search.weights), generator=generator_for(*key, 2))
    rows = sorted(order[:count].tolist())
    before = _log_gain(search, rows)
    _from_all_starts(search.doubled(), rows, (*key, 3))
    return float((before - _log_gain(search, rows)).mean())


def _log_gain(search: Search, rows: list[int]) -> Tensor:
    best, _ = search.pool.best(search.weights[rows])
    gain = (best - search.problem.loss.floor).clamp_min(0)  # a KL of 0 may round below it
    return (gain + _RECHECK_SCALE * search.problem.span).log()
