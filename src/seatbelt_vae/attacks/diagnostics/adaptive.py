"""Attacks through a defence at inference that know the model without it.

A defence may mask its gradient, or the attack may overfit to one draw of its noise. Solutions of
the undefended model are candidates against the defended one, and starts of descents along several
gradients. The audit, suites and measures share these.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from torch import Tensor

from seatbelt_vae.attacks.attack import attack, problem_of
from seatbelt_vae.attacks.losses import ExpectedLoss, Loss, loss_of
from seatbelt_vae.attacks.methods.search import Request, Search
from seatbelt_vae.attacks.prepare import prepare_model
from seatbelt_vae.attacks.result import AttackResult
from seatbelt_vae.config import AttackConfig
from seatbelt_vae.defences import StraightThrough, Wrapper, with_noise
from seatbelt_vae.protocol import Autoencoder, capabilities_of

__all__ = [
    "ANNEALED",
    "EVALUATIONS",
    "FRESH",
    "GradientSource",
    "adaptive_attack",
    "adaptive_points",
    "gradient_sources",
    "redrawn",
]

EVALUATIONS, ANNEALED = 20, 40
"""Gradient evaluations per descent of the quasi-Newton method, and of annealed steps before."""
FRESH = range(5, 21)
"""Seeds of noise that no attack knows."""
_KNOWN = range(1, 5)


@dataclass(frozen=True)
class GradientSource:
    """Gradients that descents against a defended model follow.

    Args:
        origin: ``transfer`` for those of the defended model, ``bpda`` for those of the undefended
            model, ``eot`` for the mean over draws of the defence's noise.
        model: the model that is differentiated.
        draws: the defence with other noise, over which losses are averaged; empty for ``model``.
    """

    origin: str
    model: Autoencoder
    draws: tuple[Autoencoder, ...] = ()

    def loss(self, loss: Loss) -> Loss:
        """The loss, or its mean over the draws."""
        return ExpectedLoss(loss, self.draws) if self.draws else loss


def gradient_sources(defended: Autoencoder, undefended: Autoencoder) -> list[GradientSource]:
    """The gradients to follow against a defended model, prepared for attacks."""
    found = [GradientSource("transfer", prepare_model(defended))]
    if tuple(undefended.latent_sizes) == tuple(defended.latent_sizes):
        found.append(GradientSource("bpda", prepare_model(StraightThrough(undefended, defended))))
    if draws := redrawn(defended, _KNOWN):
        found.append(GradientSource("eot", found[0].model, draws))
    return found


def redrawn(model: Autoencoder, seeds: range) -> tuple[Autoencoder, ...]:
    """The defence with noise of each seed; empty for one without noise of its own."""
    models = (with_noise(model, seed) for seed in seeds)
    return tuple(prepare_model(found) for found in models if found is not None)


def adaptive_attack(
    model: Autoencoder,
    x: Tensor,
    target: Tensor,
    config: AttackConfig,
    *,
    loss: Loss | None = None,
    levels: Tensor | None = None,
    pair_numbers: Sequence[int],
) -> AttackResult:
    """As `attack`; behind a defence with every better point of `adaptive_points`.

    The published attack keeps its own points.
    """
    found = attack(model, x, target, config, loss=loss, levels=levels, pair_numbers=pair_numbers)
    if isinstance(model, Wrapper) and config.strength != "paper":
        keys = [(config.seed, number) for number in pair_numbers]
        for origin, points in adaptive_points(found, model, config, keys, loss).items():
            found, _ = found.with_points(points, origin)
    return found


def adaptive_points(
    result: AttackResult,
    model: Wrapper,
    config: AttackConfig,
    keys: Sequence[tuple[int, int]],
    loss: Loss | None = None,
) -> dict[str, Tensor]:
    """Points found with knowledge of the undefended model, by origin, each :math:`(P, K, n)`.

    ``undefended`` are its solutions under the same levels. With strength ``strong``, descents from
    these and from the solutions of the result follow every source of gradients.

    Args:
        result: the attack on the defended model.
        model: the defended model.
        config: the settings of the attack.
        keys: the key of each pair's random numbers.
        loss: a loss that replaces the config's.
    """
    problem, undefended = result.problem, model.undefended
    loss = loss or loss_of(config, len(model.latent_sizes))
    if not _allows(undefended, loss):
        return {}
    x, target = (side.view(-1, *problem.event_shape) for side in (problem.x, problem.target))
    solved = attack(
        undefended,
        x,
        None if bool((x == target).all()) else target,
        replace(config, recheck=0),
        loss=loss,
        levels=result.levels,
        pair_numbers=[number for _, number in keys],
    )
    found = {"undefended": solved.points.to(problem.x)}
    if config.strength != "strong":
        return found
    requests = [*_starts(found["undefended"], "undefended"), *_starts(result.points, "best")]
    for source in gradient_sources(model, undefended):
        if _allows(source.model, loss):
            bound = problem_of(source.model, source.loss(loss), x, target, config, keys)
            search = Search(bound, result.levels, config)
            search.descend(requests, min(EVALUATIONS, config.max_evaluations), annealed=ANNEALED)
            found[source.origin] = search.ends()
    return found


def _starts(points: Tensor, kind: str) -> list[Request]:
    """One descent per point :math:`(P, W, n)` under its own level."""
    return [
        Request(pair, level, point, kind)
        for pair, row in enumerate(points)
        for level, point in enumerate(row)
    ]


def _allows(model: Autoencoder, loss: Loss) -> bool:
    """Whether a model has the capabilities that a loss needs."""
    return all(getattr(capabilities_of(model), need) for need in loss.needs)
