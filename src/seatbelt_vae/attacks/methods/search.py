"""The search on a batch of pairs: batched descents that fill the solution pool of each pair."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor

from seatbelt_vae.attacks.methods.solution_pool import Origin, SolutionPool
from seatbelt_vae.attacks.problem import Problem
from seatbelt_vae.attacks.result import AttackResult
from seatbelt_vae.attacks.threats import Norms, Penalty
from seatbelt_vae.config import AttackConfig
from seatbelt_vae.optim import Minimum, Status, minimize, minimize_by_pgd

__all__ = ["CUT_SHORT", "ON_ONE_DRAW", "RACED", "SMOOTHED", "Request", "Search"]

Function = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]

_FALL = 1e-4
_FALL_IN_BUDGET = 1e-5
_FALL_ON_DRAWS = 1e-3
_FALL_ON_ONE = 1e-2
_FALL_SMOOTHED = 1e-3
# of `Problem.negligible`: under the smallest λ the whole Δ is little more
_NEGLIGIBLE_FALL = 0.03
# minima at a kink lie in narrow valleys, which need more memory and patience
_FALL_AT_KINKS, _MEMORY_AT_KINKS = 5e-5, 2
RACED, ON_ONE_DRAW, SMOOTHED = "raced", "on one draw", "smoothed"
"""Status of a descent that was cut short: after a race, or on the coarse form of the loss."""
CUT_SHORT = (RACED, ON_ONE_DRAW, SMOOTHED)


@dataclass(frozen=True)
class Request:
    """A descent to run.

    Args:
        pair, level: indices of its row.
        point: its start point, :math:`(n)`.
        start: kind of the start point, stored with the result.
    """

    pair: int
    level: int
    point: Tensor
    start: str


@dataclass
class Search:
    r"""The state of the search on P pairs.

    Args:
        problem: the pairs.
        levels: λ or ε, ascending, :math:`(P, W)`, float64.
        config: the settings.
        effort: factor on evaluations, restarts and tolerances.
        pools: all candidates, one pool per pair.
        evaluations: gradient evaluations spent on each row, :math:`(P, W)`.
    """

    problem: Problem
    levels: Tensor
    config: AttackConfig
    effort: int = 1
    pools: list[SolutionPool] = field(init=False)
    evaluations: Tensor = field(init=False)

    def __post_init__(self) -> None:
        problem = self.problem
        none = problem.x[:0]
        norms = problem.norms(none, torch.zeros(0, dtype=torch.long, device=none.device))
        self.pools = [
            SolutionPool(problem.threat, none, problem.parts_start[:0], norms) for _ in problem.x
        ]
        self.evaluations = torch.zeros(self.levels.shape, dtype=torch.long)

    def offer(self, points: Tensor, pairs: Tensor, origins: Sequence[Origin]) -> None:
        """Evaluate points :math:`(R, n)` of pairs :math:`(R)` and add each to its pair's pool."""
        parts, norms = self.problem.parts(points, pairs), self.problem.norms(points, pairs)
        # all copies of d = 0 get one value: rounding in another batch could lower it
        parts = torch.where(norms.linf[:, None] > 0, parts, self.problem.parts_start[pairs])
        for pair in pairs.unique().tolist():
            rows = (pairs == pair).nonzero()[:, 0]
            chosen = [origins[row] for row in rows.tolist()]
            self.pools[pair].add(points[rows], parts[rows], norms[rows], chosen)

    def descend(
        self,
        requests: Sequence[Request],
        max_evaluations: int,
        *,
        coarse: bool = False,
        explore: bool = False,
        race: bool = False,
        relaxed: float = 1.0,
        annealed: int = 0,
    ) -> None:
        """Descend from every requested point under the level of its row; keep the end points.

        Args:
            requests: the descents.
            max_evaluations: evaluations per descent at effort 1.
            coarse: descend on the coarse form of the loss; the end points get their exact values.
            explore: for start points far from a minimum. Within a budget, projected gradient
                descent then takes half of the evaluations: its large steps reach better minima.
            race: the evaluations are too few to reach a minimum.
            relaxed: factor on the levels of these descents.
            annealed: evaluations of annealed gradient steps before the others, within a budget.
        """
        if not requests:
            return
        problem = self.problem
        pairs = torch.tensor([request.pair for request in requests]).to(problem.x.device)
        index = torch.tensor([request.level for request in requests])
        levels = relaxed * self.levels[pairs, index.to(pairs)]

        def delta(points: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
            return problem.value_and_gradient(points, pairs[rows], levels[rows], coarse=coarse)

        points = torch.stack([request.point for request in requests])
        before = self.effort * annealed if self.config.within_budget else 0
        points = self._annealed(delta, points, pairs, levels, before)
        evaluations = self.effort * max_evaluations
        found, spent = self._solve(delta, points, pairs, levels, evaluations, coarse, explore)
        self.evaluations.index_put_((pairs.cpu(), index), before + spent.cpu(), accumulate=True)
        names = {int(code): _status_name(code) for code in Status}
        if coarse and problem.loss.coarse is not None:
            names = dict.fromkeys(names, ON_ONE_DRAW if problem.loss.averaged else SMOOTHED)
        if race:
            names[Status.EVALUATION_LIMIT] = RACED
        origins = [
            Origin(request.start, names[code], request.level)
            for request, code in zip(requests, found.status.tolist(), strict=True)
        ]
        self.offer(found.x, pairs, origins)

    def _annealed(
        self, delta: Function, points: Tensor, pairs: Tensor, levels: Tensor, evaluations: int
    ) -> Tensor:
        """The points after long gradient steps that become shorter."""
        if not evaluations:
            return points
        problem = self.problem
        region = problem.threat.region(problem.x[pairs], levels, problem.bounds)
        return minimize_by_pgd(
            delta,
            points,
            **region,
            max_evaluations=evaluations,
            annealed=True,
            micro_batch=problem.micro_batch,
        ).x

    def _solve(
        self,
        delta: Function,
        points: Tensor,
        pairs: Tensor,
        levels: Tensor,
        evaluations: int,
        coarse: bool,
        explore: bool,
    ) -> tuple[Minimum, Tensor]:
        """The minima that the config's solver finds, and the evaluations per row."""
        problem, size = self.problem, self.problem.micro_batch
        region = problem.threat.region(problem.x[pairs], levels, problem.bounds)
        by_gradient = partial(minimize_by_pgd, delta, micro_batch=size, **region)
        if self.config.solver == "pgd":
            found = by_gradient(points, max_evaluations=evaluations)
            return found, found.evaluations
        spent = torch.zeros_like(pairs)
        if explore and self.config.within_budget and evaluations > 1:
            first = by_gradient(points, max_evaluations=evaluations // 2)
            points, spent = first.x, first.evaluations
            evaluations -= evaluations // 2
        memory = self.config.memory * (_MEMORY_AT_KINKS if problem.loss.kinked else 1)
        found = minimize(
            delta,
            points,
            memory=min(memory, evaluations),
            max_evaluations=evaluations,
            negligible=_NEGLIGIBLE_FALL * problem.negligible[pairs] / self.effort,
            relative_fall=self._relative_fall(coarse) / self.effort,
            floor=0.0 if problem.loss.floor is None else problem.loss.floor[pairs],
            micro_batch=size,
            **region,
        )
        return found, spent + found.evaluations

    def _relative_fall(self, coarse: bool) -> float:
        """The relative tolerance of a descent.

        It is coarser for losses that average over draws, whose evaluations are expensive, and finer
        within budgets, where the whole loss changes little.
        """
        loss = self.problem.loss
        if loss.averaged:
            return _FALL_ON_ONE if coarse else _FALL_ON_DRAWS
        if coarse and loss.coarse is not None:
            return _FALL_SMOOTHED
        if self.config.within_budget:
            return _FALL_IN_BUDGET
        return _FALL_AT_KINKS if loss.kinked else _FALL

    def best(self) -> Tensor:
        r"""The smallest known :math:`\Delta` of every row, :math:`(P, W)`."""
        bests = [pool.best(levels)[0] for pool, levels in zip(self.pools, self.levels, strict=True)]
        return torch.stack(bests)

    def ends(self) -> Tensor:
        """The ends of each pair's descents, :math:`(P, K, n)`; pairs with fewer repeat d = 0."""
        found = [pool.points for pool in self.pools]
        most = max(map(len, found))
        pairs = zip(found, self.problem.x, strict=True)
        return torch.stack([torch.cat([ends, x.expand(most - len(ends), -1)]) for ends, x in pairs])

    def result(
        self,
        chosen: Tensor,
        *,
        start_points: bool = False,
    ) -> AttackResult:
        """The result for the chosen candidates :math:`(P, W)`; for ``start_points`` see `raw`."""
        problem, levels = self.problem, self.levels
        picked = list(zip(self.pools, chosen, strict=True))
        origins = [[pool.origins[k] for k in index.tolist()] for pool, index in picked]
        raw = [
            pool.raw(of_pair, excluded=CUT_SHORT, start_points=start_points)
            for pool, of_pair in zip(self.pools, levels, strict=True)
        ]
        return AttackResult(
            problem=problem,
            levels=levels,
            points=torch.stack([pool.points[index] for pool, index in picked]),
            parts=torch.stack([pool.parts[index] for pool, index in picked]),
            norms=Norms(
                torch.stack([pool.norms.l2[index] for pool, index in picked]),
                torch.stack([pool.norms.linf[index] for pool, index in picked]),
            ),
            bound=problem.trivial_bound(levels),
            delta_raw=torch.stack(raw),
            status=self._status(origins),
            start=[[origin.start for origin in row] for row in origins],
            evaluations=self.evaluations,
            unconverged=levels.new_full((len(levels),), torch.nan),
        )

    def _status(self, origins: list[list[Origin]]) -> list[list[str]]:
        """The status of every row; d = 0 is stationary where it is a strict local minimum."""
        problem = self.problem
        stationary = problem.gradient_norm[:, None] < self.levels
        stationary &= isinstance(problem.threat, Penalty) and problem.threat.power == 1
        return [
            [
                "stationary at 0" if origin.start == "zero" and zero else origin.status
                for origin, zero in zip(row, zeros, strict=True)
            ]
            for row, zeros in zip(origins, stationary.tolist(), strict=True)
        ]


def _status_name(status: Status) -> str:
    return status.name.lower().replace("_", " ")
