"""One start a row and no exchange: our optimiser by itself, and SciPy's as the paper used it."""

import numpy as np
import torch
from torch import Tensor

from seatbelt_vae.attacks.candidates import Origin
from seatbelt_vae.attacks.problem import Problem
from seatbelt_vae.attacks.result import PairResult
from seatbelt_vae.attacks.search import Search
from seatbelt_vae.attacks.starts import noise_start
from seatbelt_vae.config import AttackConfig
from seatbelt_vae.errors import ConfigError
from seatbelt_vae.randomness import generator_for

__all__ = ["paper_attack", "single_attack"]

_PAPER_NOISE = 1e-8
_PAPER_SETTINGS = {"m": 25, "factr": 10.0, "pgtol": 1e-5}


def single_attack(
    problem: Problem, weights: Tensor, config: AttackConfig, key: tuple[int, ...]
) -> PairResult:
    """One descent a row from noise beside the input, without exchange or comparison with d = 0."""
    search = Search(problem, weights, config)
    rows = list(range(len(weights)))
    start = noise_start(problem, len(rows), generator_for(*key, 1))
    search.descend(start, rows, ["noise"] * len(rows))
    return _own_rows(search)


def paper_attack(
    problem: Problem, weights: Tensor, config: AttackConfig, key: tuple[int, ...]
) -> PairResult:
    r"""The published loop: SciPy's L-BFGS-B on d in float64, the network in its own precision.

    One start :math:`d \sim U(\pm 10^{-8})`, m = 25, factr = 10, pgtol = 1e-5; `max_evaluations` is
    SciPy's maxiter (the paper does not print it).

    Raises:
        ConfigError: SciPy is not installed.
    """
    try:
        from scipy.optimize import fmin_l_bfgs_b
    except ImportError:
        raise ConfigError(
            "protocol 'paper' runs SciPy's L-BFGS-B, which is not installed: "
            "pip install 'seatbelt-vae[paper]'"
        ) from None
    search = Search(problem, weights, config)
    x = problem.x.double().cpu().numpy()
    low, high = problem.bounds
    generator = np.random.default_rng(key)
    for row, weight in enumerate(weights):

        def fun(d: np.ndarray, weight: Tensor = weight) -> tuple[float, np.ndarray]:
            point = torch.as_tensor(x + d).to(problem.x)
            value, gradient = problem.value_and_gradient(point[None], weight[None])
            return float(value), gradient[0].double().cpu().numpy()

        start = generator.uniform(-_PAPER_NOISE, _PAPER_NOISE, len(x)).clip(low - x, high - x)
        d, _, info = fmin_l_bfgs_b(
            fun,
            start,
            bounds=list(zip(low - x, high - x, strict=True)),
            maxiter=config.max_evaluations,
            **_PAPER_SETTINGS,
        )
        status = ("converged", "evaluation limit", "line search failed")[info["warnflag"]]
        search.evaluations[row] = info["funcalls"]
        found = torch.as_tensor(x + d).to(problem.x).clamp(low, high)
        search.pool.add(found[None], [Origin("noise", status, row)])
    return _own_rows(search)


def _own_rows(search: Search) -> PairResult:
    """Each row's own point; d = 0 where its descent met nothing finite."""
    own = {origin.weight: k for k, origin in enumerate(search.pool.origins)}
    if len(own) < len(search.weights):
        search.pool.add(search.problem.x[None], [Origin("zero", "not finite")])
    lost = len(search.pool.origins) - 1
    index = [own.get(row, lost) for row in range(len(search.weights))]
    return PairResult.of(search, torch.tensor(index))
