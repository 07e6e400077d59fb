"""One start a row and no exchange: what an optimiser does by itself."""

from collections.abc import Sequence

import torch
from torch import Tensor

from seatbelt_vae.attacks.methods.search import Request, Search
from seatbelt_vae.attacks.methods.solution_pool import Origin
from seatbelt_vae.attacks.methods.starts import noise_start
from seatbelt_vae.attacks.problem import Problem
from seatbelt_vae.attacks.result import AttackResult
from seatbelt_vae.config import AttackConfig
from seatbelt_vae.randomness import Stream, generator_for

__all__ = ["own_rows", "single_attack"]

Key = tuple[int, int]


def single_attack(
    problem: Problem, levels: Tensor, config: AttackConfig, keys: Sequence[Key]
) -> AttackResult:
    """One descent a row from noise beside the input, without exchange or comparison with d = 0."""
    search = Search(problem, levels, config)
    requests = []
    for pair, key in enumerate(keys):
        generator = generator_for(Stream.SINGLE_STARTS, *key)
        starts = noise_start(problem, pair, levels.shape[1], generator)
        requests += [Request(pair, level, start, "noise") for level, start in enumerate(starts)]
    search.descend(requests, config.max_evaluations, explore=True)
    return own_rows(search)


def own_rows(search: Search) -> AttackResult:
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
