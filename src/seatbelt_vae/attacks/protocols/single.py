"""One start a row and no exchange: our optimiser by itself, and SciPy's as the paper used it."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from seatbelt_vae.attacks.problem import Problem
from seatbelt_vae.attacks.protocols.candidates import Origin
from seatbelt_vae.attacks.protocols.search import Request, Search
from seatbelt_vae.attacks.protocols.starts import noise_start
from seatbelt_vae.attacks.result import AttackResult
from seatbelt_vae.config import AttackConfig
from seatbelt_vae.errors import ConfigError
from seatbelt_vae.randomness import generator_for

__all__ = ["paper_attack", "single_attack"]

_PAPER_NOISE = 1e-8
_PAPER_SETTINGS = {"m": 25, "factr": 10.0, "pgtol": 1e-5}


Key = tuple[int, ...]


def single_attack(
    problem: Problem, levels: Tensor, config: AttackConfig, keys: Sequence[Key]
) -> AttackResult:
    """One descent a row from noise beside the input, without exchange or comparison with d = 0."""
    search = Search(problem, levels, config)
    requests = []
    for pair, key in enumerate(keys):
        starts = noise_start(problem, pair, levels.shape[1], generator_for(*key, 1))
        requests += [Request(pair, level, start, "noise") for level, start in enumerate(starts)]
    search.descend(requests, config.max_evaluations, explore=True)
    return _own_rows(search)


def paper_attack(
    problem: Problem, levels: Tensor, config: AttackConfig, keys: Sequence[Key]
) -> AttackResult:
    r"""The published loop: SciPy's L-BFGS-B on d in float64, the network in its own precision.

    One start :math:`d \sim U(\pm 10^{-8})`, m = 25, factr = 10, pgtol = 1e-5; `max_evaluations` is
    SciPy's maxiter (the paper does not print it).

    Raises:
        ConfigError: SciPy is not installed.
    """
    search = Search(problem, levels, config)
    for pair, key in enumerate(keys):
        generator = np.random.default_rng(key)
        for level in range(levels.shape[1]):
            _descend_by_scipy(search, pair, level, generator)
    return _own_rows(search)


def _descend_by_scipy(
    search: Search, pair: int, level: int, generator: np.random.Generator
) -> None:
    try:
        from scipy.optimize import fmin_l_bfgs_b
    except ImportError:
        raise ConfigError(
            "protocol 'paper' runs SciPy's L-BFGS-B, which is not installed: "
            "pip install 'seatbelt-vae[paper]'"
        ) from None
    problem, weight = search.problem, search.levels[pair, level, None]
    of = torch.tensor([pair], device=problem.x.device)
    x, (low, high) = problem.x[pair].double().cpu().numpy(), problem.bounds

    def fun(d: np.ndarray) -> tuple[float, np.ndarray]:
        point = torch.as_tensor(x + d).to(problem.x)
        value, gradient = problem.value_and_gradient(point[None], of, weight)
        return float(value), gradient[0].double().cpu().numpy()

    start = generator.uniform(-_PAPER_NOISE, _PAPER_NOISE, len(x)).clip(low - x, high - x)
    d, _, info = fmin_l_bfgs_b(
        fun,
        start,
        bounds=list(zip(low - x, high - x, strict=True)),
        maxiter=search.config.max_evaluations,
        **_PAPER_SETTINGS,
    )
    status = ("converged", "evaluation limit", "line search failed")[info["warnflag"]]
    search.evaluations[pair, level] = info["funcalls"]
    found = torch.as_tensor(x + d).to(problem.x).clamp(low, high)
    search.offer(found[None], of, [Origin("noise", status, level)])


def _own_rows(search: Search) -> AttackResult:
    """Each row's own point; d = 0 where its descent met nothing finite."""
    problem, chosen = search.problem, []
    for pair, pool in enumerate(search.pools):
        own = {origin.level: k for k, origin in enumerate(pool.origins)}
        lost = len(pool.origins)
        if len(own) < search.levels.shape[1]:
            of = torch.tensor([pair], device=problem.x.device)
            search.offer(problem.x[of], of, [Origin("zero", "not finite")])
        chosen.append([own.get(level, lost) for level in range(search.levels.shape[1])])
    return search.result(torch.tensor(chosen))
