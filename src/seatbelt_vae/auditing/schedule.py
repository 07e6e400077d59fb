"""How many descents of which lengths an effort allows."""

from collections.abc import Sequence
from dataclasses import dataclass

from seatbelt_vae.auditing.goals import Goal
from seatbelt_vae.config.audit import scaled

__all__ = ["KINDS", "Schedule", "first_losses", "schedule_of"]

KINDS = 2
"""Kinds of random starts."""

_SHORT = 8  # gradient evaluations of a short descent
_EXPLORING = 0.5  # the smallest effort with short descents


@dataclass(frozen=True)
class Schedule:
    """The descents of one goal, per pair and budget.

    Args:
        random: random starts of each kind.
        own, exchanged: starts of short descents: the best candidates of the budget, and those of
            other budgets.
        short: gradient evaluations of each of these descents.
        finals: starts of long descents.
        finals_near: whether these start near the input, not at the best candidates.
        annealed, evaluations: gradient evaluations of a long descent, by annealed steps and then by
            the quasi-Newton method.
    """

    random: int
    own: int
    exchanged: int
    short: int
    finals: int
    finals_near: bool
    annealed: int
    evaluations: int

    @property
    def total(self) -> int:
        """Gradient evaluations, at most."""
        explored = (KINDS * self.random + self.own + self.exchanged) * self.short
        return explored + self.finals * (self.annealed + self.evaluations)


def schedule_of(goal: Goal, width: int, effort: float) -> Schedule:
    """The descents of a goal with ``width`` budgets.

    The evaluations are those of effort 1 times the effort. Below 1, fewer short descents explore,
    below ½ none, and the number of long ones falls before their length: one long descent ends lower
    than several short ones. Above 1, number and length grow.
    """
    number = min(effort, effort**0.5)
    exploring = number if effort >= _EXPLORING else 0
    others = width - 1
    random, own, exchanged = (
        round(exploring * most) for most in (goal.random, goal.explored, others)
    )
    finals = max(1, round(number * goal.finals))
    each = goal.annealed + goal.evaluations
    most = _SHORT * (KINDS * goal.random + goal.explored + others) + goal.finals * each
    left = effort * most - _SHORT * (KINDS * random + own + exchanged)
    lengths = (scaled(n, left / (finals * each)) for n in (goal.annealed, goal.evaluations))
    # without random starts: the best candidates of other goals lead elsewhere
    near = goal.random > random == 0
    return Schedule(random, own, exchanged, _SHORT, finals, near, *lengths)


def first_losses(losses: Sequence[str], effort: float) -> tuple[Sequence[str], int]:
    """The losses that descend before those of the goals, and their gradient evaluations.

    Example:
        >>> first_losses(["latent-l2", "latent-kl", "latent-zero"], 0.4)
        (['latent-l2'], 8)
    """
    return losses[: scaled(len(losses), min(effort, 1))], scaled(_SHORT, max(effort, 1))
