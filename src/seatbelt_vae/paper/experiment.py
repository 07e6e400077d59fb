"""An experiment of the paper: models, attacks on them, and figures."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from seatbelt_vae.paper.figure_kinds import Figure
from seatbelt_vae.paper.paper_model import Model
from seatbelt_vae.paper.sizes import Size

__all__ = ["Attack", "Experiment", "Member"]


@dataclass(frozen=True)
class Attack:
    """An attack as the paper names it; every attack runs at both strengths.

    Args:
        loss: a loss of `AttackConfig`.
        layers: the layers that the loss compares.
        vary: the only factor in which input and target differ (default: any pair).
        among: factor values that both share (default: any).
    """

    loss: str = "latent-kl"
    layers: str = "all"
    vary: str | None = None
    among: str | None = None


@dataclass(frozen=True)
class Member:
    """A model in an experiment.

    Args:
        series: the line or row of the model.
        model: the model.
    """

    series: str
    model: Model


@dataclass(frozen=True)
class Experiment:
    """One figure or table of Willetts et al. (2021).

    Args:
        id: its name on the command line, such as ``fig5``.
        title: its subject, in one line.
        published: the authors' result, in one or two sentences.
        members: its models at a size.
        attacks: the attacks on each model.
        optional_metrics: further measures of each model, see `EvaluationConfig`.
        figures: its figures.
        claims: the claims that use it, such as ``C2``.
    """

    id: str
    title: str
    published: str
    members: Callable[[Size], Iterable[Member]]
    figures: tuple[Figure, ...]
    attacks: tuple[Attack, ...] = ()
    optional_metrics: tuple[str, ...] = ()
    claims: tuple[str, ...] = ()
