"""Controls that an attack must beat: random noise, search without gradients, a sibling's images.

What a control finds better than the attack is kept, so that the reported number is the smallest
known; and it raises a flag, since the gradient should not have missed it. Only the published attack
is reported as it is: its shortfall is what is to be seen.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from seatbelt_vae.attacks.result import AttackResult
from seatbelt_vae.config import AttackConfig
from seatbelt_vae.optim import minimize_gradient_free
from seatbelt_vae.randomness import Stream, generator_for

__all__ = ["CONTROLS", "Controlled", "controlled", "gradient_free_points", "matched_noise"]

CONTROLS = ("noise", "gradient_free", "transfer")
"""The controls, as they are named in the rows."""

_DRAWS = 8
_ROWS = 3
_CLEARLY = 0.01
_MEANS_NOTHING = 1e-6


@dataclass(frozen=True)
class Controlled:
    r"""An attack beside its controls.

    Args:
        attack: the attack by itself.
        result: the attack with what controls found better; the published attack by itself.
        delta: the smallest :math:`\Delta` of each control that was tried, :math:`(P, W)`.
    """

    attack: AttackResult
    result: AttackResult
    delta: dict[str, Tensor]

    def beats(self, control: str) -> Tensor:
        """Rows where a control is better than the attack by more than a hundredth, (P, W)."""
        problem = self.result.problem
        wide = _MEANS_NOTHING * problem.span.nan_to_num(0)[:, None]
        margin = _CLEARLY * problem.remaining(self.attack.delta) + wide
        beaten: Tensor = self.delta[control] < self.attack.delta - margin
        return beaten

    def rows(self, pair: int) -> list[dict[str, Any]]:
        """One plain row a level: the best known, and how attack and controls did by themselves."""
        none = [None] * self.attack.levels.shape[1]
        alone = self.attack.rows(pair)
        columns = {f"{name}_attack": [row[name] for row in alone] for name in ("delta", "status")}
        columns["exceeds_bound"] = [row["exceeds_bound"] for row in alone]
        for name in CONTROLS:
            tried = name in self.delta
            columns[f"delta_{name}"] = self.delta[name][pair].tolist() if tried else none
            columns[f"{name}_beats"] = self.beats(name)[pair].tolist() if tried else none
        added = [
            dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)
        ]
        return [row | more for row, more in zip(self.result.rows(pair), added, strict=True)]


def controlled(
    result: AttackResult,
    config: AttackConfig,
    keys: Sequence[tuple[int, int]],
    transferred: Tensor | None = None,
) -> Controlled:
    r"""Put an attack beside matched noise, a gradient-free search, and a sibling's images.

    Args:
        result: the attack.
        config: how many evaluations the gradient-free search gets; 0 leaves it out.
        keys: what each pair's randomness depends on.
        transferred: adversarial images made for a sibling model, flat, :math:`(P, K, n)`.
    """
    attack, delta = result, {}
    noise = matched_noise(result, [generator_for(Stream.MATCHED_NOISE, *key) for key in keys])
    result, delta["noise"] = result.offered(noise, "random noise")
    if config.strength == "strong" and config.gradient_free:
        found = gradient_free_points(result, config.gradient_free, keys)
        result, delta["gradient_free"] = result.offered(found, "gradient-free")
    if transferred is not None:
        result, delta["transfer"] = result.offered(transferred, "transfer")
    return Controlled(attack, attack if config.strength == "paper" else result, delta)


def matched_noise(result: AttackResult, generators: Sequence[torch.Generator]) -> Tensor:
    r"""Random directions of the attack's own sizes, eight a level, :math:`(P, 8W, n)`.

    Clipping to the box only shortens a distortion, so the control never has the larger budget.
    """
    problem, (low, high) = result.problem, result.problem.bounds
    shape = (result.levels.shape[1], _DRAWS, problem.x.shape[1])
    kind = "linf" if getattr(problem.threat, "norm", "l2") == "linf" else "l2"
    points = []
    for pair, generator in enumerate(generators):
        noise = torch.randn(shape, generator=generator, dtype=torch.float64)
        size = noise.norm(dim=2) if kind == "l2" else noise.abs().amax(dim=2)
        wanted: Tensor = getattr(result.norms, kind)[pair].cpu()
        noise *= (wanted[:, None] / size)[..., None]
        points.append((problem.x[pair] + noise.to(problem.x)).clamp(low, high).flatten(0, 1))
    return torch.stack(points)


def gradient_free_points(
    result: AttackResult, evaluations: int, keys: Sequence[tuple[int, int]]
) -> Tensor:
    """Where a search by values alone gets from the attack's own points of three rows, (P, 3, n)."""
    problem, count = result.problem, len(result.levels)
    spread = torch.linspace(0, result.levels.shape[1] - 1, _ROWS + 2)[1:-1].round().long()
    pairs = torch.arange(count, device=problem.x.device).repeat_interleave(_ROWS)
    levels = result.levels[:, spread].flatten()

    def value(points: Tensor, rows: Tensor) -> Tensor:
        of = pairs[rows]
        cost = problem.threat.cost(problem.norms(points, of), levels[rows])
        return problem.parts(points, of).sum(1) + cost

    found = minimize_gradient_free(
        value,
        result.points[:, spread].flatten(0, 1),
        **problem.threat.region(problem.x[pairs], levels, problem.bounds),
        anchors=torch.stack([problem.x, problem.target], dim=1)[pairs],
        evaluations=evaluations,
        image_shape=problem.image_shape,
        generators=[
            generator_for(Stream.GRADIENT_FREE, *key, row) for key in keys for row in range(_ROWS)
        ],
        micro_batch=problem.micro_batch,
    )
    return found.x.view(count, _ROWS, -1)
