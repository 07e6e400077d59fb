"""What an attack on one pair found: one row a λ, and what is needed to judge it."""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from seatbelt_vae.attacks.problem import Problem
from seatbelt_vae.attacks.search import Search

__all__ = ["PairResult"]

_EXCEEDED = 1.001
_NEGLIGIBLE = 1e-6


@dataclass(frozen=True)
class PairResult:
    r"""The attack on one pair under :math:`W` weights λ.

    Args:
        problem: the pair and what was known before.
        weights: λ, ascending, :math:`(W)`.
        adversarial: :math:`x^*`, flattened, :math:`(W, n)`, inside the bounds.
        parts: parts of r at :math:`x^*`, :math:`(W, P)`, nats.
        distance: :math:`\|x^* - x\|_2`, :math:`(W)`.
        delta_raw: :math:`\Delta` of the row's own descents, before any exchange; NaN without one.
        status: how the descent that found :math:`x^*` ended.
        start: what it started from.
        evaluations: gradient evaluations spent on the row.
        unconverged: mean fall of :math:`\log(\Delta - c + 10^{-3}(r_0-c))` over the rows that were
            rerun with twice the effort; None if none was.
    """

    problem: Problem
    weights: Tensor
    adversarial: Tensor
    parts: Tensor
    distance: Tensor
    delta_raw: Tensor
    status: list[str]
    start: list[str]
    evaluations: list[int]
    unconverged: float | None = None

    @classmethod
    def of(cls, search: Search, chosen: Tensor, unconverged: float | None = None) -> "PairResult":
        """The result of a search, given the candidate chosen for every λ, :math:`(W)`."""
        pool, weights = search.pool, search.weights
        origins = [pool.origins[k] for k in chosen.tolist()]
        stationary = (search.problem.gradient_norm < weights).tolist()
        return cls(
            problem=search.problem,
            weights=weights,
            adversarial=pool.points[chosen],
            parts=pool.parts[chosen],
            distance=pool.distances[chosen],
            delta_raw=pool.raw(weights),
            status=[
                "stationary at 0" if origin.start == "zero" and still else origin.status
                for origin, still in zip(origins, stationary, strict=True)
            ],
            start=[origin.start for origin in origins],
            evaluations=search.evaluations.tolist(),
            unconverged=unconverged,
        )

    @property
    def divergence(self) -> Tensor:
        """r at :math:`x^*`, :math:`(W)`, nats."""
        return self.parts.sum(1)

    @property
    def delta(self) -> Tensor:
        r""":math:`\Delta = r + \lambda\|d\|`, :math:`(W)`."""
        return self.divergence + self.weights * self.distance

    @property
    def bound(self) -> Tensor:
        r"""The trivial bound :math:`B(\lambda)`, :math:`(W)`."""
        return self.problem.trivial_bound(self.weights)

    @property
    def exceeds_bound(self) -> Tensor:
        """Rows that are failed attacks: above what showing the input or the target costs."""
        floor, span = self.problem.loss.floor, self.problem.span
        return self.delta - floor > _EXCEEDED * (self.bound - floor) + _NEGLIGIBLE * span

    @property
    def raw_violation(self) -> float:
        r"""How far the raw :math:`\Delta(\lambda)` is from rising and concave, over :math:`r_0-c`.

        The largest drop between neighbouring λ, or sag below a chord; 0 is what minima would show.
        """
        had = ~self.delta_raw.isnan()
        weights, value = self.weights[had], self.delta_raw[had]
        if len(value) < 2:
            return 0.0
        drop = (value[:-1] - value[1:]).max()
        if len(value) == 2:
            return max(0.0, float(drop) / self.problem.span)
        share = (weights[1:-1] - weights[:-2]) / (weights[2:] - weights[:-2])
        chord = torch.lerp(value[:-2], value[2:], share)
        worst = torch.maximum(drop, (chord - value[1:-1]).max())
        return max(0.0, float(worst) / self.problem.span)

    def rows(self) -> list[dict[str, Any]]:
        """One plain row a λ, as it is stored; see `docs/rows.md` for every column."""
        problem = self.problem
        low, high = problem.bounds
        outside = ((self.adversarial < low) | (self.adversarial > high)).any(1)
        constant = {
            "divergence_start": problem.divergence_start,
            "divergence_floor": problem.loss.floor,
            "divergence_target": problem.divergence_target,
            "divergence_parts_start": problem.parts_start.tolist(),
            "image_distance": problem.image_distance,
            "gradient_norm": problem.gradient_norm,
            "unconverged": self.unconverged,
            "raw_violation": self.raw_violation,
        }
        columns = {
            "weight": self.weights,
            "weight_relative": self.weights * problem.image_distance / problem.span,
            "delta": self.delta,
            "delta_raw": self.delta_raw,
            "bound": self.bound,
            "exceeds_bound": self.exceeds_bound,
            "divergence": self.divergence,
            "divergence_parts": self.parts,
            "divergence_ratio": (self.divergence - problem.loss.floor) / problem.span,
            "distance": self.distance,
            "distance_relative": self.distance / problem.image_distance,
            "outside_bounds": outside,
        }
        lists = {name: column.tolist() for name, column in columns.items()}
        lists["delta_raw"] = [None if math.isnan(v) else v for v in lists["delta_raw"]]
        lists |= {"status": self.status, "start": self.start, "evaluations": self.evaluations}
        return [
            constant | {name: column[row] for name, column in lists.items()}
            for row in range(len(self.weights))
        ]
