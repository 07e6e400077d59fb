"""The attack as it was published: SciPy's L-BFGS-B on every row by itself."""

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits
from torch import Tensor

from seatbelt_vae.attacks.methods.lockstep import in_step
from seatbelt_vae.attacks.methods.search import Search
from seatbelt_vae.attacks.methods.single import own_rows
from seatbelt_vae.attacks.methods.solution_pool import Origin
from seatbelt_vae.attacks.problem import Problem
from seatbelt_vae.attacks.result import AttackResult
from seatbelt_vae.config import AttackConfig
from seatbelt_vae.errors import ConfigError
from seatbelt_vae.randomness import Stream, numpy_generator_for

__all__ = ["paper_attack"]

_NOISE = 1e-8
_SETTINGS = {"m": 25, "factr": 10.0, "pgtol": 1e-5}
_ENDS = ("converged", "evaluation limit", "line search failed")

Vector = NDArray[np.float64]


def paper_attack(
    problem: Problem, levels: Tensor, config: AttackConfig, keys: Sequence[tuple[int, int]]
) -> AttackResult:
    r"""The published loop: SciPy's L-BFGS-B on d in float64, the network in its own precision.

    One start :math:`d \sim U(\pm 10^{-8})`, m = 25, factr = 10, pgtol = 1e-5; `max_evaluations` is
    SciPy's maxiter (the paper does not print it). Every row has a SciPy of its own; only the
    network sees their images in one batch.

    Raises:
        ConfigError: SciPy is not installed.
    """
    try:
        from scipy.optimize import fmin_l_bfgs_b
    except ImportError:
        raise ConfigError(
            "strength 'paper' runs SciPy's L-BFGS-B, which is not installed: "
            "pip install 'seatbelt-vae[paper]'"
        ) from None
    search = Search(problem, levels, config)
    rows = [(pair, level) for pair in range(len(keys)) for level in range(levels.shape[1])]
    of = torch.tensor([pair for pair, _ in rows], device=problem.x.device)
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
    # many at once, each on short vectors: a BLAS with threads of its own only gets in their way
    with threadpool_limits(1, user_api="blas"):
        ends = in_step(descents, partial(_evaluate, problem, of, levels.flatten()))
    for row, ((pair, level), (d, _, info)) in enumerate(zip(rows, ends, strict=True)):
        search.evaluations[pair, level] = info["funcalls"]
        found = _points(problem, of[row, None], d[None]).clamp(*problem.bounds)
        origin = Origin("noise", _ENDS[info["warnflag"]], level)
        search.offer(found, of[row, None], [origin])
    return own_rows(search)


def _starts(
    problem: Problem, pair: int, count: int, generator: np.random.Generator
) -> Iterator[tuple[Vector, list[tuple[float, float]]]]:
    """A d near 0 for each level of a pair, and the box it is kept in."""
    x, (low, high) = problem.x[pair].double().cpu().numpy(), problem.bounds
    box = list(zip(low - x, high - x, strict=True))
    for _ in range(count):
        yield generator.uniform(-_NOISE, _NOISE, len(x)).clip(low - x, high - x), box


def _points(problem: Problem, of: Tensor, d: Vector) -> Tensor:
    """x + d, added up in float64, as the network takes it."""
    return (problem.x[of].double() + torch.as_tensor(d, device=of.device)).to(problem.x)


def _evaluate(
    problem: Problem, of: Tensor, levels: Tensor, which: Sequence[int], d: Vector
) -> tuple[Vector, Vector]:
    """Δ and its gradient at some rows' d."""
    rows, size = torch.tensor(which, device=of.device), problem.micro_batch
    points = _points(problem, of[rows], d)
    found = [
        problem.value_and_gradient(some, of[part], levels[part])
        for some, part in zip(points.split(size), rows.split(size), strict=True)
    ]
    value, gradient = (
        torch.cat(sides).double().cpu().numpy() for sides in zip(*found, strict=True)
    )
    return value, gradient
