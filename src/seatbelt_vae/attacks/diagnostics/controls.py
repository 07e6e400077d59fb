"""Controls that an attack must beat: noise, gradient-free search, attacks that know other models.

A better point of a control replaces the attack's, so that the reported Δ is the smallest known, and
raises a flag, since a gradient attack should have found it. The published attack keeps its own
points, because its shortfall is the subject of the comparison.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from seatbelt_vae.attacks.attack_rows import attack_rows
from seatbelt_vae.attacks.problem import Problem
from seatbelt_vae.attacks.result import AttackResult
from seatbelt_vae.attacks.threats import RegionOptions
from seatbelt_vae.config import AttackConfig
from seatbelt_vae.optim import minimize_gradient_free
from seatbelt_vae.randomness import Stream, generator_for

__all__ = ["Controlled", "controlled", "gradient_free_points", "matched_noise"]

_NOISE_DRAWS = 8
_SEARCHED_LEVELS = 3
_MARGIN = 0.01
_ROUNDING = 1e-6


@dataclass(frozen=True)
class Controlled:
    r"""An attack before and after its controls.

    Args:
        attack: the result before the controls.
        result: the result with every better point of a control; equal to ``attack`` for the
            published attack.
        delta: the smallest :math:`\Delta` of each control that was tried, :math:`(P, W)`; keys
            are ``noise``, ``gradient_free`` and ``transfer``, that of all points of others.
    """

    attack: AttackResult
    result: AttackResult
    delta: dict[str, Tensor]

    def beats(self, control: str) -> Tensor:
        """Rows where a control is better than the attack by more than 1 %, :math:`(P, W)`."""
        problem = self.result.problem
        rounding = _ROUNDING * problem.span.nan_to_num(0)[:, None]
        margin = _MARGIN * problem.remaining(self.attack.delta) + rounding
        beaten: Tensor = self.delta[control] < self.attack.delta - margin
        return beaten

    def rows(self, pair: int, **sources: Mapping[str, Any] | None) -> list[dict[str, Any]]:
        """The rows of one pair, see `attack_rows`, which gets ``sources``."""
        columns = {f"delta_{name}": delta for name, delta in self.delta.items()}
        columns |= {f"{name}_beats": self.beats(name) for name in self.delta}
        return attack_rows(self.result, pair, before=self.attack, controls=columns, **sources)


def controlled(
    result: AttackResult,
    config: AttackConfig,
    keys: Sequence[tuple[int, int]],
    others: Iterable[tuple[str, Tensor]] = (),
) -> Controlled:
    r"""Compare an attack with matched noise, a gradient-free search, and points of other attacks.

    Args:
        result: the attack.
        config: evaluations of the gradient-free search (0 for none), and the attack's method.
        keys: the key of each pair's random numbers.
        others: origin and points :math:`(P, K, n)` of attacks that know another model.
    """
    attack, delta = result, {}
    noise = matched_noise(result, [generator_for(Stream.MATCHED_NOISE, *key) for key in keys])
    result, delta["noise"] = result.with_points(noise, "random noise")
    if config.strength == "strong" and config.gradient_free:
        found = gradient_free_points(result, config.gradient_free, keys)
        result, delta["gradient_free"] = result.with_points(found, "gradient-free")
    for origin, points in others:
        result, lowest = result.with_points(points, origin)
        delta["transfer"] = torch.minimum(delta.get("transfer", lowest), lowest)
    return Controlled(attack, attack if config.strength == "paper" else result, delta)


def matched_noise(result: AttackResult, generators: Sequence[torch.Generator]) -> Tensor:
    r"""Random distortions with the norms of the attack's, eight per level, :math:`(P, 8W, n)`.

    Clipping to the box only shortens a distortion, so no control is larger than the attack.
    """
    problem = result.problem
    shape = (result.levels.shape[1], _NOISE_DRAWS, problem.x.shape[1])
    kind = "linf" if getattr(problem.threat, "norm", "l2") == "linf" else "l2"
    points = []
    for pair, generator in enumerate(generators):
        noise = torch.randn(shape, generator=generator, dtype=torch.float64)
        size = noise.norm(dim=2) if kind == "l2" else noise.abs().amax(dim=2)
        wanted: Tensor = getattr(result.norms, kind)[pair].cpu()
        noise *= (wanted[:, None] / size)[..., None]
        if kind == "linf" and problem.threat.units is not None:
            noise *= problem.threat.units.cpu()
        points.append(problem.bounds.clamp(problem.x[pair] + noise.to(problem.x)).flatten(0, 1))
    return torch.stack(points)


def gradient_free_points(
    result: AttackResult, evaluations: int, keys: Sequence[tuple[int, int]]
) -> Tensor:
    """Gradient-free search from the attack's points under three levels, :math:`(P, 3, n)`."""
    problem, count = result.problem, len(result.levels)
    last = result.levels.shape[1] - 1
    searched = torch.linspace(0, last, _SEARCHED_LEVELS + 2)[1:-1].round().long()
    pairs = torch.arange(count, device=problem.x.device).repeat_interleave(_SEARCHED_LEVELS)
    levels = result.levels[:, searched].flatten()

    def value(points: Tensor, rows: Tensor) -> Tensor:
        cost = problem.threat.cost(problem.norms(points, pairs[rows]), levels[rows])
        return problem.parts(points, pairs[rows]).sum(1) + cost

    found = minimize_gradient_free(
        value,
        result.points[:, searched].flatten(0, 1),
        **_finite_region(problem, pairs, levels),
        anchors=torch.stack([problem.x, problem.target], dim=1)[pairs],
        evaluations=evaluations,
        image_shape=problem.event_shape if len(problem.event_shape) == 3 else None,
        generators=[
            generator_for(Stream.GRADIENT_FREE, *key, row)
            for key in keys
            for row in range(_SEARCHED_LEVELS)
        ],
        micro_batch=problem.micro_batch,
    )
    return found.x.view(count, _SEARCHED_LEVELS, -1)


def _finite_region(problem: Problem, pairs: Tensor, levels: Tensor) -> RegionOptions:
    """The threat's region; unbounded inputs are searched within twice the target's distance."""
    x = problem.x[pairs]
    region = problem.threat.region(x, levels, problem.bounds)
    if not problem.bounds.finite and "radius" not in region:
        region |= {"center": x, "radius": 2 * problem.image_norms.l2[pairs].to(x)}
    return region
