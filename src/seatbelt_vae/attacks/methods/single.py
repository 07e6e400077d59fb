"""One descent per row, without exchange: the optimiser alone."""

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

__all__ = ["result_without_exchange", "single_attack"]

Key = tuple[int, int]


def single_attack(
    problem: Problem, levels: Tensor, config: AttackConfig, keys: Sequence[Key]
) -> AttackResult:
    """One descent per row from noise near the input; no exchange, no comparison with d = 0."""
    search = Search(problem, levels, config)
    requests = []
    for pair, key in enumerate(keys):
        generator = generator_for(Stream.SINGLE_STARTS, *key)
        starts = noise_start(problem, pair, levels.shape[1], generator)
        requests += [Request(pair, level, start, "noise") for level, start in enumerate(starts)]
    search.descend(requests, config.max_evaluations, explore=True)
    return result_without_exchange(search)


def result_without_exchange(search: Search) -> AttackResult:
    """The last point of each descent, or d = 0 if its loss was not finite."""
    problem, chosen = search.problem, []
    for pair, pool in enumerate(search.pools):
        ends = {origin.level: k for k, origin in enumerate(pool.origins)}
        zero, count = len(pool.origins), search.levels.shape[1]
        if len(ends) < count:
            index = torch.tensor([pair], device=problem.x.device)
            search.offer(problem.x[index], index, [Origin("zero", "not finite")])
        chosen.append([ends.get(level, zero) for level in range(count)])
    return search.result(torch.tensor(chosen))
