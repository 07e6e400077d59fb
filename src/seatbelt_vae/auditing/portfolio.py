r"""Worst-case attacks of a batch of pairs within budgets: the portfolio of losses.

No single loss finds the worst distortion of every model. Every loss of the portfolio descends
first; the loss of each goal then descends from the best distortion that any of them found.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import torch
from torch import Tensor

from seatbelt_vae.attacks.losses import Loss, loss_of
from seatbelt_vae.attacks.methods.search import Request, Search
from seatbelt_vae.attacks.methods.starts import along_codes, noise_start, restarts
from seatbelt_vae.attacks.problem import Problem
from seatbelt_vae.attacks.threats import Budget, Norms, budget_of
from seatbelt_vae.auditing.candidates import Candidates
from seatbelt_vae.auditing.goals import Goal, ReferencePairs, goals_of
from seatbelt_vae.auditing.schedule import KINDS, Schedule, first_losses, schedule_of
from seatbelt_vae.auditing.threat_budgets import NUMBERS, norm_of
from seatbelt_vae.config import AttackConfig
from seatbelt_vae.config.audit import AuditConfig
from seatbelt_vae.config.loss_files import declaration_of
from seatbelt_vae.errors import ConfigError
from seatbelt_vae.optim.region import region_of
from seatbelt_vae.protocol import Autoencoder, bounds_of, capabilities_of
from seatbelt_vae.randomness import Stream, generator_for

__all__ = ["PORTFOLIO", "PortfolioAttack", "planned_evaluations", "portfolio_of"]

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
"""Losses that descend first, below effort 1 only the foremost; those of the goals follow."""

_NOISE_DRAWS = 8
_LARGEST_SCALE = 1e6

Key = tuple[int, int]
Starts = Callable[[Problem, int, Tensor, int, torch.Generator], Tensor]
"""Maps a problem, a pair, its levels, a count per level, and random numbers to points."""

_STARTS: tuple[Starts, Starts] = (restarts, along_codes)


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


def planned_evaluations(model: Autoencoder, config: AuditConfig, pairs: int, width: int) -> int:
    """Gradient evaluations of `PortfolioAttack` on pairs with ``width`` budgets, at most."""
    losses, first = _first_losses(model, config)
    per_row = first * sum(1 if declaration_of(name).targeted else KINDS for name in losses)
    per_row += sum(schedule_of(goal, width, config.effort).total for goal in goals_of(model))
    return pairs * width * per_row


def _first_losses(model: Autoencoder, config: AuditConfig) -> tuple[Sequence[str], int]:
    return first_losses([*portfolio_of(model, config.losses)], config.effort)


def _near_input(
    problem: Problem, pair: int, levels: Tensor, count: int, generator: torch.Generator
) -> Tensor:
    """Little noise around the input, ``count`` points per level in turn."""
    return noise_start(problem, pair, count * len(levels), generator)


@dataclass
class PortfolioAttack:
    r"""The attack of P pairs under one threat.

    Args:
        model: the autoencoder, prepared for attacks.
        x, target: inputs :math:`(P, \text{event})`.
        threat: ``l2``, ``linf`` or ``sd``.
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
        problem = self.problem(self.goals[0].loss)
        shares = torch.tensor(self.shares, dtype=torch.float64, device=self.x.device)
        self.levels = problem.level_unit[:, None] * shares
        size = self.x[0].numel()
        largest = problem.threat.start_radius(problem.image_norms, self.levels, size)
        pairs = ReferencePairs.of(self.model, self.x, self.target)
        count, width = self.levels.shape
        pair = torch.arange(count, device=self.x.device).repeat_interleave(width)
        self.rows = pair, torch.arange(width, device=self.x.device).repeat(count)
        nearest = self._nearest().view(count, width, *self.x.shape[1:])
        self.evaluations = torch.zeros(count, width, dtype=torch.long)
        self.found = Candidates(self.model, pairs, self.goals, self.levels, largest, nearest)

    @cached_property
    def goals(self) -> tuple[Goal, ...]:
        """The goals that the model allows."""
        return goals_of(self.model)

    @property
    def budget(self) -> Budget:
        """The threat."""
        return budget_of(norm_of(self.threat), self.model)

    def run(self) -> Candidates:
        """All candidates: references, the portfolio, and the descents of each goal."""
        self._add_references()
        losses, first = _first_losses(self.model, self.config)
        for name in losses:
            self.descend(name, self.first_starts(name), first, explore=True)
        for goal in self.goals:
            plan = self.plan(goal)
            starts = self.random_starts(goal.loss, Stream.AUDIT_RESTARTS, plan.random)
            self.descend(goal.loss, starts, plan.short, explore=True)
            starts = self.best_starts(goal, plan.own, exchanged=plan.exchanged)
            self.descend(goal.loss, starts, plan.short, explore=True)
            if plan.finals_near:
                stream = Stream.AUDIT_RESTARTS
                starts = self.random_starts(goal.loss, stream, plan.finals, kinds=(_near_input,))
            else:
                starts = self.best_starts(goal, plan.finals)
            self.descend(goal.loss, starts, plan.evaluations, annealed=plan.annealed)
        return self.found

    def plan(self, goal: Goal) -> Schedule:
        """The descents of a goal."""
        return schedule_of(goal, self.levels.shape[1], self.config.effort)

    def problem(self, name: str) -> Problem:
        """The pairs with the loss of a name."""
        if name not in self._problems:
            self._problems[name] = self.bound_to(name, self.model)
        return self._problems[name]

    def bound_to(
        self, name: str, model: Autoencoder, changed: Callable[[Loss], Loss] = lambda loss: loss
    ) -> Problem:
        """The pairs with one loss, which may be changed, of a model."""
        loss = changed(loss_of(AttackConfig(loss=name, threat="l2"), len(model.latent_sizes)))
        noise = [self.generator(Stream.AUDIT_LOSS_NOISE, key) for key in self.keys]
        return Problem.of(model, loss, self.x, self.target, noise, threat=self.budget)

    def generator(self, stream: Stream, key: Key) -> torch.Generator:
        """The random numbers of a pair for one purpose."""
        return generator_for(stream, *key, NUMBERS[self.threat])

    def _add_references(self) -> None:
        """The input itself, the nearest point to the target, and random noise."""
        flat, width = self.x.flatten(1), self.levels.shape[1]
        none = torch.zeros(len(flat), dtype=torch.long, device=flat.device)
        self.found.add(flat, torch.arange(len(flat), device=flat.device), none, "zero")
        self.found.add(self.found.nearest.flatten(0, 1), self.rows[0], self.rows[1], "blend")
        draws = []
        for pair, key in enumerate(self.keys):
            generator = self.generator(Stream.AUDIT_NOISE, key)
            noise = torch.randn(
                width, _NOISE_DRAWS, flat.shape[1], generator=generator, dtype=torch.float64
            ).to(flat)
            norms = Norms.of(noise.flatten(0, 1), self.budget.units)
            levels = self.levels[pair].repeat_interleave(_NOISE_DRAWS)
            scale = self.budget.scale(norms, levels).view(width, _NOISE_DRAWS, 1)
            points = flat[pair] + scale.to(flat) * noise
            draws.append(self.problem(self.goals[0].loss).bounds.clamp(points).flatten(0, 1))
        rows = self.rows[0].repeat_interleave(_NOISE_DRAWS)
        levels = self.rows[1].repeat_interleave(_NOISE_DRAWS)
        self.found.add(torch.cat(draws), rows, levels, "noise")

    def _nearest(self) -> Tensor:
        """The point of each region that is nearest to the target, :math:`(PW, n)`."""
        problem = self.problem(self.goals[0].loss)
        region = problem.threat.region(
            problem.x[self.rows[0]], self.levels.flatten(), problem.bounds
        )
        target = problem.target[self.rows[0]]
        return region_of(target, **region).project(target)

    def first_starts(self, name: str) -> list[Request]:
        """Starts of a loss: the nearest point to the target, or random ones without a target."""
        if not declaration_of(name).targeted:
            return self.random_starts(name, Stream.AUDIT_STARTS, 1)
        nearest = self.found.nearest.flatten(0, 1).flatten(1)
        rows = zip(self.rows[0].tolist(), self.rows[1].tolist(), nearest, strict=True)
        return [Request(pair, level, point, "blend") for pair, level, point in rows]

    def random_starts(
        self, name: str, stream: Stream, count: int, *, kinds: Sequence[Starts] = _STARTS
    ) -> list[Request]:
        """Per row, ``count`` starts of each kind: from noise, and along the gradients of codes."""
        problem, requests = self.problem(name), []
        for pair, key in enumerate(self.keys):
            generator, levels = self.generator(stream, key), self.levels[pair]
            for kind in kinds:
                points = kind(problem, pair, levels, count, generator)
                requests += [
                    Request(pair, row // count, point, kind.__name__)
                    for row, point in enumerate(points)
                ]
        return requests

    def best_starts(self, goal: Goal, count: int, *, exchanged: int = 0) -> list[Request]:
        """The best candidates of each budget, and of so many other budgets, scaled to it."""
        best, requests = self.found.best(goal).tolist(), []
        for pair, level in zip(self.rows[0].tolist(), self.rows[1].tolist(), strict=True):
            own = self.found.distinct(goal, pair, level, count).tolist()
            others = [index for index in dict.fromkeys(best[pair]) if index not in own]
            index = [*own, *others[:exchanged]]
            x = self.x[pair].flatten()
            distortion = self.found.images[index].flatten(1) - x
            scale = self.budget.scale(
                Norms.of(distortion, self.budget.units), self.levels[pair, level]
            )
            points = x + scale.clamp(max=_LARGEST_SCALE)[:, None].to(x) * distortion
            points = self.problem(self.goals[0].loss).bounds.clamp(points)
            requests += [Request(pair, level, point, "best") for point in points]
        return requests

    def descend(
        self,
        loss: str,
        requests: Sequence[Request],
        evaluations: int,
        *,
        explore: bool = False,
        annealed: int = 0,
        origin: str | None = None,
        problem: Problem | None = None,
    ) -> None:
        """Run descents of a loss, see `Search.descend`, and add their ends."""
        problem = problem or self.problem(loss)
        settings = AttackConfig(loss=loss, threat=norm_of(self.threat), solver=self._solver(loss))
        search = Search(problem, self.levels, settings)
        search.descend(requests, evaluations, explore=explore, annealed=annealed)
        self.evaluations += search.evaluations
        for pair, pool in enumerate(search.pools):
            level = torch.tensor([o.level for o in pool.origins], dtype=torch.long)
            level = level.to(self.x.device)
            self.found.add(pool.points, torch.full_like(level, pair), level, origin or loss)

    def _solver(self, name: str) -> Literal["quasi-newton", "pgd"]:
        """The solver of a loss.

        A quantiser makes reconstructions discontinuous, where the line search of a quasi-Newton
        method ends too early. Losses of codes stay continuous.
        """
        of_codes = bool(portfolio_of(self.model, [name])[name].needs)
        return "pgd" if capabilities_of(self.model).tokens and not of_codes else "quasi-newton"
