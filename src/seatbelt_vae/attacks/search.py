"""The search on one pair: descents under chosen λ, run at once, that fill one pool of points."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from seatbelt_vae.attacks.candidates import Candidates, Origin
from seatbelt_vae.attacks.problem import Problem
from seatbelt_vae.config import AttackConfig
from seatbelt_vae.optim import Status, minimize

__all__ = ["Search"]


@dataclass
class Search:
    r"""What has been tried on one pair.

    Args:
        problem: the pair.
        weights: λ, ascending, :math:`(W)`, float64.
        config: the effort of a descent.
        pool: every point known so far.
        evaluations: gradient evaluations spent on each λ, :math:`(W)`.
    """

    problem: Problem
    weights: Tensor
    config: AttackConfig
    pool: Candidates = field(init=False)
    evaluations: Tensor = field(init=False)

    def __post_init__(self) -> None:
        self.pool = Candidates(self.problem)
        self.evaluations = torch.zeros(len(self.weights), dtype=torch.long)

    def doubled(self) -> "Search":
        """A search with twice the restarts and evaluations that adds to the same pool."""
        effort = replace(
            self.config,
            restarts=2 * self.config.restarts,
            max_evaluations=2 * self.config.max_evaluations,
        )
        search = replace(self, config=effort)
        search.pool, search.evaluations = self.pool, self.evaluations
        return search

    def descend(self, points: Tensor, rows: Sequence[int], starts: Sequence[str]) -> None:
        r"""Descend from each point :math:`(R, n)` under the λ of its row; keep where it ended.

        Args:
            points: where to begin.
            rows: index of the λ of each descent.
            starts: what each point is, recorded with what is found from it.
        """
        if not rows:
            return
        chosen = torch.tensor(rows)
        weights = self.weights.to(points.device)[chosen]
        found = minimize(
            lambda x, active: self.problem.value_and_gradient(x, weights[active]),
            points,
            *self.problem.bounds,
            memory=self.config.memory,
            max_evaluations=self.config.max_evaluations,
            micro_batch=self.problem.micro_batch,
        )
        self.evaluations.index_add_(0, chosen, found.evaluations.cpu().long())
        labels = zip(starts, found.status.tolist(), rows, strict=True)
        self.pool.add(found.x, [Origin(start, _words(code), row) for start, code, row in labels])


def _words(code: int) -> str:
    return str(Status(code).name).lower().replace("_", " ")
