"""What an experiment of the paper is: models side by side, attacks on them, and what is drawn."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from seatbelt_vae.paper.figure_kinds import Figure
from seatbelt_vae.paper.model import Model
from seatbelt_vae.paper.sizes import Size

__all__ = ["Attack", "Experiment", "Member"]


@dataclass(frozen=True)
class Attack:
    """An attack as the paper names it; every one is made under both strengths.

    Args:
        loss: a loss of `AttackConfig`.
        layers: the layers it compares.
        vary: the one factor in which input and target differ (default: any pair).
        among: factor values that both have (default: any).
    """

    loss: str = "latent-kl"
    layers: str = "all"
    vary: str | None = None
    among: str | None = None


@dataclass(frozen=True)
class Member:
    """A model's part in an experiment.

    Args:
        series: the line, or the row, that it belongs to.
        model: which model.
    """

    series: str
    model: Model


@dataclass(frozen=True)
class Experiment:
    """One figure or table of Willetts et al. (2021).

    Args:
        id: its name on the command line, such as ``fig5``.
        title: what it shows, in one line.
        published: what the authors found, in one sentence.
        members: its models at a size; none if it is left out at that size.
        attacks: what each of them is attacked with.
        optional_metrics: further measures of each, see `EvaluationConfig`.
        figures: what is drawn.
        claims: the claims it bears on, such as ``C2``.
    """

    id: str
    title: str
    published: str
    members: Callable[[Size], Iterable[Member]]
    figures: tuple[Figure, ...]
    attacks: tuple[Attack, ...] = ()
    optional_metrics: tuple[str, ...] = ()
    claims: tuple[str, ...] = ()
