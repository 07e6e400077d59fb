r"""Worst-case attacks of a batch of pairs within budgets: the portfolio of losses.

No single loss finds the worst distortion of every model. Every loss of the portfolio descends
first; the loss of each goal then descends from the best distortion that any of them found.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property, partial
from typing import Any

import torch
from torch import Tensor

from seatbelt_vae.attacks.diagnostics.model_checks import check_model
from seatbelt_vae.attacks.losses import Loss, loss_of
from seatbelt_vae.attacks.methods.search import Request, Search
from seatbelt_vae.attacks.methods.starts import along_codes, restarts
from seatbelt_vae.attacks.problem import Problem
from seatbelt_vae.attacks.threats import Budget, Norms, budget_of
from seatbelt_vae.auditing.candidates import Candidates
from seatbelt_vae.auditing.goals import Goal, ReferencePairs, goals_of
from seatbelt_vae.config import AttackConfig
from seatbelt_vae.config.audit import AuditConfig
from seatbelt_vae.errors import ConfigError
from seatbelt_vae.optim import minimize_gradient_free
from seatbelt_vae.optim.region import region_of
from seatbelt_vae.protocol import Autoencoder, bounds_of, capabilities_of
from seatbelt_vae.randomness import Stream, generator_for

__all__ = ["PORTFOLIO", "PortfolioAttack", "portfolio_of"]

PORTFOLIO = (
    "latent-l2",
    "latent-kl",
    "latent-zero",
    "latent-target",
    "damage-posterior",
    "damage-identity",
    "grill",
    "output-l2",
)
"""Losses that descend first; those of the goals follow."""

THREAT_NUMBERS = {"l2": 0, "linf": 1}
_NOISE_DRAWS, _BATCH, _RECHECK_EVALUATIONS = 8, 64, 80
_LARGEST_SCALE, _MARGIN = 1e6, 0.01
_RECHECKED, _RECHECK_STARTS = 4, 2  # one pair in 4 is attacked again, from 2 starts of each kind
_FIRST = 8  # gradient evaluations per descent of the losses that descend first

Key = tuple[int, int]


def portfolio_of(model: Autoencoder, chosen: Sequence[str] | None = None) -> dict[str, Loss]:
    """The losses of the portfolio that a model allows, by name.

    Raises:
        ConfigError: a chosen loss needs a capability that the model lacks.
    """
    depth, has = len(model.latent_sizes), capabilities_of(model)
    losses = {}
    for name in PORTFOLIO if chosen is None else chosen:
        loss = loss_of(AttackConfig(loss=name, threat="l2"), depth)
        lacking = [need for need in loss.needs if not getattr(has, need)]
        # its target code is that of a grey input
        lacking += ["bounds"] * (name == "latent-target" and not bounds_of(model).finite)
        if not lacking:
            losses[name] = loss
        elif chosen is not None:
            raise ConfigError(
                f"loss {name} needs the model's {', '.join(lacking)}, which it lacks: leave it out"
            )
    return losses


@dataclass
class PortfolioAttack:
    r"""The attack of P pairs under one threat.

    Args:
        model: the autoencoder, prepared for attacks.
        x, target: inputs :math:`(P, \text{event})`.
        threat: ``l2`` or ``linf``.
        shares: the budgets in the unit of the threat, ascending.
        config: losses and effort.
        keys: seed and number of each pair.
    """

    model: Autoencoder
    x: Tensor
    target: Tensor
    threat: str
    shares: tuple[float, ...]
    config: AuditConfig
    keys: Sequence[Key]

    def __post_init__(self) -> None:
        self._problems: dict[str, Problem] = {}
        problem = self._problem(self.goals[0].loss)
        shares = torch.tensor(self.shares, dtype=torch.float64, device=self.x.device)
        self.levels = problem.level_unit[:, None] * shares
        size = self.x[0].numel()
        largest = problem.threat.start_radius(problem.image_norms, self.levels, size)
        pairs = ReferencePairs.of(self.model, self.x, self.target, _BATCH)
        count, width = self.levels.shape
        self._pair = torch.arange(count, device=self.x.device).repeat_interleave(width)
        self._level = torch.arange(width, device=self.x.device).repeat(count)
        nearest = self._nearest().view(count, width, *self.x.shape[1:])
        self.found = Candidates(
            self.model, pairs, self.goals, self.levels, largest, nearest, _BATCH
        )

    @cached_property
    def goals(self) -> tuple[Goal, ...]:
        """The goals that the model allows."""
        return goals_of(self.model)

    @property
    def budget(self) -> Budget:
        """The threat."""
        return budget_of("l2" if self.threat == "l2" else "linf", self.model)

    def run(self) -> Candidates:
        """All candidates: references, the portfolio, and the descents of each goal."""
        self._add_references()
        for name in portfolio_of(self.model, self.config.losses):
            self._descend(name, self._first_starts(name), _FIRST, explore=True)
        for goal in self.goals:
            effort = self.config.effort
            starts = self._random_starts(goal.loss, Stream.AUDIT_RESTARTS, goal.random * effort)
            self._descend(goal.loss, starts, _FIRST, explore=True)
            for heat, (count, evaluations) in enumerate(goal.heats):
                starts = self._best_starts(goal, count * effort, exchange=heat == 0)
                self._descend(goal.loss, starts, evaluations, explore=count > 1)
        return self.found

    def check(self) -> list[dict[str, Any]]:
        """Checks of each pair: the model, random noise, a search by values, new starts.

        Every fourth pair is attacked again from new starts. Better points count.
        """
        problem = self._problem(self.goals[0].loss)
        starts = [self._generator(Stream.AUDIT_PROBE, key) for key in self.keys]
        rows = [asdict(checks) for checks in check_model(self.model, problem, starts)]
        noise = self._beaten_by_noise()
        falls = {"gradient_free_fall": self._fall(self.goals[0], self._search_by_values)}
        for goal in self.goals:
            falls[f"fall_{goal.name}"] = self._fall(goal, partial(self._descend_again, goal))
        return [
            row | {"noise_wins": noise[place]} | {name: fall[place] for name, fall in falls.items()}
            for place, row in enumerate(rows)
        ]

    def _beaten_by_noise(self) -> list[int]:
        """In how many goals and budgets of each pair noise is worse than the attacks by 1 %."""
        wins = torch.zeros(len(self.x), dtype=torch.long, device=self.x.device)
        for goal in self.goals:
            values = self.found.values(goal, self.found.best(goal))
            others = self.found.values(goal, self.found.best(goal, but=("noise",)))
            wins += ((values - others).abs() > _MARGIN * others.abs()).sum(1)
        return wins.tolist()

    def _fall(self, goal: Goal, improve: Callable[[], Sequence[int]]) -> list[float | None]:
        """How much further ``improve`` moves a goal under the middle budget, of the pairs it took.

        For damage, which has no natural unit, relative to the damage before.
        """
        middle = self.levels.shape[1] // 2
        before = self.found.values(goal, self.found.best(goal))[:, middle]
        tried = improve()
        after = self.found.values(goal, self.found.best(goal))[:, middle]
        fall = before - after if goal.lowers else (after - before) / before
        return [fall[p].item() if p in tried else None for p in range(len(fall))]

    def _descend_again(self, goal: Goal) -> Sequence[int]:
        middle = self.levels.shape[1] // 2
        pairs = [place for place, (_, number) in enumerate(self.keys) if number % _RECHECKED == 0]
        starts = [
            request
            for request in self._random_starts(goal.loss, Stream.AUDIT_RECHECK, _RECHECK_STARTS)
            if request.level == middle and request.pair in pairs
        ]
        self._descend(goal.loss, starts, _RECHECK_EVALUATIONS, explore=True, origin="recheck")
        return pairs

    def _search_by_values(self) -> Sequence[int]:
        if not self.config.gradient_free:
            return ()
        goal, middle = self.goals[0], self.levels.shape[1] // 2
        problem, count = self._problem(goal.loss), len(self.x)
        pairs = torch.arange(count, device=self.x.device)
        found = minimize_gradient_free(
            lambda points, rows: problem.parts(points, pairs[rows]).sum(1),
            self.found.images[self.found.best(goal)[:, middle]].flatten(1),
            **problem.threat.region(problem.x, self.levels[:, middle], problem.bounds),
            anchors=torch.stack([problem.x, problem.target], dim=1),
            evaluations=self.config.gradient_free,
            image_shape=problem.event_shape if len(problem.event_shape) == 3 else None,
            generators=[self._generator(Stream.AUDIT_GRADIENT_FREE, key) for key in self.keys],
            micro_batch=problem.micro_batch,
        )
        self.found.add(found.x, pairs, torch.full_like(pairs, middle), "gradient-free")
        return range(count)

    def _problem(self, name: str) -> Problem:
        if name not in self._problems:
            self._problems[name] = self._bound_to(name)
        return self._problems[name]

    def _bound_to(self, name: str) -> Problem:
        """The pairs with one loss."""
        loss = loss_of(AttackConfig(loss=name, threat="l2"), len(self.model.latent_sizes))
        noise = [self._generator(Stream.AUDIT_LOSS_NOISE, key) for key in self.keys]
        return Problem.of(self.model, loss, self.x, self.target, noise, threat=self.budget)

    def _generator(self, stream: Stream, key: Key) -> torch.Generator:
        return generator_for(stream, *key, THREAT_NUMBERS[self.threat])

    def _add_references(self) -> None:
        """The input itself, the nearest point to the target, and random noise."""
        flat, width = self.x.flatten(1), self.levels.shape[1]
        none = torch.zeros(len(flat), dtype=torch.long, device=flat.device)
        self.found.add(flat, torch.arange(len(flat), device=flat.device), none, "zero")
        self.found.add(self.found.nearest.flatten(0, 1), self._pair, self._level, "blend")
        draws = []
        for pair, key in enumerate(self.keys):
            generator = self._generator(Stream.AUDIT_NOISE, key)
            noise = torch.randn(
                width, _NOISE_DRAWS, flat.shape[1], generator=generator, dtype=torch.float64
            ).to(flat)
            size = noise.norm(dim=-1) if self.threat == "l2" else noise.abs().amax(dim=-1)
            scale = self.levels[pair].to(flat)[:, None] / size
            points = flat[pair] + scale[..., None] * noise
            draws.append(bounds_of(self.model).flat().clamp(points).flatten(0, 1))
        rows = self._pair.repeat_interleave(_NOISE_DRAWS)
        levels = self._level.repeat_interleave(_NOISE_DRAWS)
        self.found.add(torch.cat(draws), rows, levels, "noise")

    def _nearest(self) -> Tensor:
        """The point of each region that is nearest to the target, :math:`(PW, n)`."""
        problem = self._problem(self.goals[0].loss)
        region = problem.threat.region(problem.x[self._pair], self.levels.flatten(), problem.bounds)
        target = problem.target[self._pair]
        return region_of(target, **region).project(target)

    def _first_starts(self, name: str) -> list[Request]:
        """Starts of a loss: the nearest point to the target, or random ones without a target."""
        if not portfolio_of(self.model, [name])[name].targeted:
            return self._random_starts(name, Stream.AUDIT_STARTS, self.config.effort)
        nearest = self.found.nearest.flatten(0, 1).flatten(1)
        rows = zip(self._pair.tolist(), self._level.tolist(), nearest, strict=True)
        return [Request(pair, level, point, "blend") for pair, level, point in rows]

    def _random_starts(self, name: str, stream: Stream, count: int) -> list[Request]:
        """Per row, ``count`` starts from noise and as many along the gradients of codes."""
        problem, requests = self._problem(name), []
        for pair, key in enumerate(self.keys):
            generator, levels = self._generator(stream, key), self.levels[pair]
            for kind in (restarts, along_codes):
                points = kind(problem, pair, levels, count, generator)
                requests += [
                    Request(pair, row // count, point, kind.__name__)
                    for row, point in enumerate(points)
                ]
        return requests

    def _best_starts(self, goal: Goal, count: int, *, exchange: bool) -> list[Request]:
        """The best candidates of each budget, scaled to it; ``exchange`` adds other budgets'."""
        best, requests = self.found.best(goal), []
        for pair, level in zip(self._pair.tolist(), self._level.tolist(), strict=True):
            index = self.found.distinct(goal, pair, level, count)
            if exchange:
                index = torch.cat([index, best[pair]]).unique()
            x = self.x[pair].flatten()
            distortion = self.found.images[index].flatten(1) - x
            scale = self.budget.scale(
                Norms.of(distortion, self.budget.units), self.levels[pair, level]
            )
            points = x + scale.clamp(max=_LARGEST_SCALE)[:, None].to(x) * distortion
            points = bounds_of(self.model).flat().clamp(points)
            requests += [Request(pair, level, point, "best") for point in points]
        return requests

    def _descend(
        self,
        loss: str,
        requests: Sequence[Request],
        evaluations: int,
        *,
        explore: bool = False,
        origin: str | None = None,
    ) -> None:
        """Run descents of a loss and add their ends."""
        settings = AttackConfig(loss=loss, threat="l2" if self.threat == "l2" else "linf")
        search = Search(self._problem(loss), self.levels, settings)
        search.descend(requests, evaluations * self.config.effort, explore=explore)
        for pair, pool in enumerate(search.pools):
            level = torch.tensor([o.level for o in pool.origins], dtype=torch.long)
            level = level.to(self.x.device)
            self.found.add(pool.points, torch.full_like(level, pair), level, origin or loss)
