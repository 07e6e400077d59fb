"""The published attack: SciPy's L-BFGS-B, one independent descent per row."""

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits
from torch import Tensor

from seatbelt_vae.attacks.methods.lockstep import run_in_lockstep
from seatbelt_vae.attacks.methods.search import Search
from seatbelt_vae.attacks.methods.single import result_without_exchange
from seatbelt_vae.attacks.methods.solution_pool import Origin
from seatbelt_vae.attacks.problem import Problem
from seatbelt_vae.attacks.result import AttackResult
from seatbelt_vae.config import AttackConfig
from seatbelt_vae.randomness import Stream, numpy_generator_for

__all__ = ["paper_attack"]

_NOISE = 1e-8
_SETTINGS = {"m": 25, "factr": 10.0, "pgtol": 1e-5}
_ENDS = ("converged", "evaluation limit", "line search failed")

Vector = NDArray[np.float64]


def paper_attack(
    problem: Problem, levels: Tensor, config: AttackConfig, keys: Sequence[tuple[int, int]]
) -> AttackResult:
    r"""The published attack: SciPy's L-BFGS-B on d in float64, the network in its own precision.

    One start :math:`d \sim U(\pm 10^{-8})`, m = 25, factr = 10, pgtol = 1e-5; `max_evaluations` is
    SciPy's maxiter, which the paper does not state. Rows share only the batches of the network.
    """
    from scipy.optimize import fmin_l_bfgs_b

    search = Search(problem, levels, config)
    rows = [(pair, level) for pair in range(len(keys)) for level in range(levels.shape[1])]
    pairs = torch.tensor([pair for pair, _ in rows], device=problem.x.device)
    settings = _SETTINGS | {"maxiter": config.max_evaluations}
    descents = [
        partial(fmin_l_bfgs_b, x0=start, bounds=box, **settings)
        for pair, key in enumerate(keys)
        for start, box in _starts(
            problem,
            pair,
            levels.shape[1],
            numpy_generator_for(Stream.PUBLISHED_STARTS, *key),
        )
    ]
    # many short descents at once: threads of BLAS would compete with theirs
    with threadpool_limits(1, user_api="blas"):
        ends = run_in_lockstep(descents, partial(_evaluate, problem, pairs, levels.flatten()))
    for row, ((pair, level), (d, _, info)) in enumerate(zip(rows, ends, strict=True)):
        search.evaluations[pair, level] = info["funcalls"]
        found = problem.bounds.clamp(_points(problem, pairs[row, None], d[None]))
        origin = Origin("noise", _ENDS[info["warnflag"]], level)
        search.offer(found, pairs[row, None], [origin])
    return result_without_exchange(search)


def _starts(
    problem: Problem, pair: int, count: int, generator: np.random.Generator
) -> Iterator[tuple[Vector, list[tuple[float, float]]]]:
    """A start near d = 0 for each level of a pair, with the box of d."""
    x = problem.x[pair].double().cpu().numpy()
    low, high = (np.asarray(bound, dtype=np.float64) for bound in problem.bounds)
    box = list(zip(low - x, high - x, strict=True))
    for _ in range(count):
        yield generator.uniform(-_NOISE, _NOISE, len(x)).clip(low - x, high - x), box


def _points(problem: Problem, pairs: Tensor, d: Vector) -> Tensor:
    """x + d, summed in float64 and cast to the dtype of x."""
    return (problem.x[pairs].double() + torch.as_tensor(d, device=pairs.device)).to(problem.x)


def _evaluate(
    problem: Problem, pairs: Tensor, levels: Tensor, which: Sequence[int], d: Vector
) -> tuple[Vector, Vector]:
    """Δ and its gradient at the distortions of some rows."""
    rows, size = torch.tensor(which, device=pairs.device), problem.micro_batch
    points = _points(problem, pairs[rows], d)
    found = [
        problem.value_and_gradient(chunk, pairs[part], levels[part])
        for chunk, part in zip(points.split(size), rows.split(size), strict=True)
    ]
    value, gradient = (
        torch.cat(sides).double().cpu().numpy() for sides in zip(*found, strict=True)
    )
    return value, gradient
