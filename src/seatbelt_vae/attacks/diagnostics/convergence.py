r"""Convergence check of the strong attack: some rows are solved again from new starts.

The starts come from a random stream that the attack does not use, and no race cuts their descents
short. Within a budget the descents begin with annealed gradient steps, which leave poor minima. So
the check also finds an attack whose races are too short, or whose rows stay at a start point.
"""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from seatbelt_vae.attacks.methods.search import Request, Search
from seatbelt_vae.attacks.problem import Problem
from seatbelt_vae.attacks.result import AttackResult
from seatbelt_vae.config import AttackConfig
from seatbelt_vae.randomness import Stream, generator_for

__all__ = ["recheck"]

_EFFORT = 2
_ANNEALED = 100
_FEWEST_ROWS = 3
_SMALLEST_SCALE = 0.1
_SHIFT = 1e-3


def recheck(
    result: AttackResult, config: AttackConfig, keys: Sequence[tuple[int, int]]
) -> AttackResult:
    r"""Solve a share of each pair's rows, at least three, again with twice the evaluations.

    Each row descends from two points :math:`a + s\rho\,\epsilon/\sqrt n`, with a = x and a = x*,
    :math:`\epsilon` normal, and s log-uniform in [0.1, 1]. :math:`\rho` is the largest distortion
    that the threat allows, or :math:`\|x_t - x\|` under a penalty. The minima are compared under
    all levels of their pair.

    Args:
        result: the attack.
        config: the share of rows, the evaluations and the solver.
        keys: the key of each pair's random numbers.

    Returns:
        The result with every better point, the evaluations of both, and in ``unconverged`` the
        largest fall of :math:`\log(\Delta - c + 10^{-3}(r_0-c))` among the rows of each pair.
    """
    problem, requests = result.problem, []
    search = Search(problem, result.levels, config, effort=_EFFORT)
    for pair, key in enumerate(keys):
        rows = _rows(result, pair, config.recheck, generator_for(Stream.CONVERGENCE_ROWS, *key))
        starts = _starts(result, pair, rows, generator_for(Stream.CONVERGENCE_STARTS, *key))
        requests += [
            Request(pair, row, start, "recheck")
            for row, start in zip(rows.tolist() * 2, starts, strict=True)
        ]
    search.descend(requests, config.max_evaluations, explore=True, annealed=_ANNEALED)
    found, _ = result.with_points(search.ends(), "recheck")
    fall = _log_remaining(problem, result.delta) - _log_remaining(problem, found.delta)
    return replace(
        found,
        evaluations=result.evaluations + search.evaluations,
        unconverged=fall.amax(1).clamp_min(0),
    )


def _rows(result: AttackResult, pair: int, share: float, generator: torch.Generator) -> Tensor:
    """Random rows of a pair; those that stay at d = 0 come last."""
    order = torch.randperm(result.levels.shape[1], generator=generator)
    count = max(_FEWEST_ROWS, round(share * len(order)))
    stay = torch.tensor([result.status[pair][row] == "stationary at 0" for row in order.tolist()])
    return order[stay.int().argsort(stable=True)][:count]


def _starts(result: AttackResult, pair: int, rows: Tensor, generator: torch.Generator) -> Tensor:
    """Starts around x, then around x*, one of each per row, :math:`(2R, n)`."""
    problem, count = result.problem, len(rows)
    x, found = problem.x[pair], result.points[pair, rows]
    radius = problem.threat.start_radius(
        problem.image_norms[pair], result.levels[pair, rows], len(x)
    )
    noise = torch.randn(2, count, len(x), generator=generator, dtype=torch.float64)
    scale = _SMALLEST_SCALE ** torch.rand(2, count, 1, generator=generator, dtype=torch.float64)
    noise *= scale * radius.cpu()[:, None] / len(x) ** 0.5
    around = torch.stack([x.expand_as(found), found])
    return problem.bounds.clamp(around + noise.to(x)).flatten(0, 1)


def _log_remaining(problem: Problem, delta: Tensor) -> Tensor:
    """log(Δ − c + 10⁻³(r₀ − c)); for a loss without a floor c, −log(g + 10⁻³ max g) of gains g."""
    if problem.loss.floor is None:
        gain = problem.remaining(delta)
        return -(gain + _SHIFT * gain.amax(1, keepdim=True)).log()
    above = (delta - problem.loss.floor[:, None]).clamp_min(0)  # a KL of 0 can round below 0
    return (above + _SHIFT * problem.span[:, None]).log()
