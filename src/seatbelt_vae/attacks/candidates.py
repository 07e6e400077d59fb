r"""Every point known for a pair, and the best of them under each λ.

:math:`\Delta = r + \lambda\|d\|` is affine in λ, so one point costs one evaluation and then serves
the whole grid; the best known curve :math:`\Delta(\lambda) = \min_k r_k + \lambda n_k` is a lower
envelope of rising lines, concave and non-decreasing by construction.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from seatbelt_vae.attacks.problem import Problem

__all__ = ["Candidates", "Origin"]


@dataclass(frozen=True)
class Origin:
    """Where a candidate came from.

    Args:
        start: the kind of point its descent began at, or of the point itself.
        status: how the descent ended; ``start point`` if there was none.
        weight: index of the λ it was descended under; None for a start point.
    """

    start: str
    status: str = "start point"
    weight: int | None = None


@dataclass
class Candidates:
    """The pool of points of one problem.

    Args:
        problem: the pair.
        points: :math:`(K, n)`.
        parts: their parts of r, :math:`(K, P)`, float64.
        distances: their :math:`\\|d\\|_2`, :math:`(K)`, float64.
        origins: one a point.
    """

    problem: Problem
    points: Tensor = field(init=False)
    parts: Tensor = field(init=False)
    distances: Tensor = field(init=False)
    origins: list[Origin] = field(default_factory=list)

    def __post_init__(self) -> None:
        start = self.problem.x[None]
        self.points, self.parts = start[:0], self.problem.parts_start[None, :][:0]
        self.distances = self.problem.distance(start)[:0]

    def add(self, points: Tensor, origins: list[Origin]) -> None:
        """Evaluate and keep points :math:`(R, n)`; one that is not finite is dropped."""
        parts = self.problem.parts(points)
        finite = parts.isfinite().all(1)
        self.points = torch.cat([self.points, points[finite]])
        self.parts = torch.cat([self.parts, parts[finite]])
        self.distances = torch.cat([self.distances, self.problem.distance(points[finite])])
        self.origins += [o for o, keep in zip(origins, finite.tolist(), strict=True) if keep]

    def values(self, weights: Tensor) -> Tensor:
        r""":math:`\Delta` of every candidate under every λ, :math:`(W, K)`, float64."""
        return self.parts.sum(1) + weights[:, None] * self.distances

    def best(self, weights: Tensor) -> tuple[Tensor, Tensor]:
        r"""The smallest known :math:`\Delta(\lambda)` and its candidate's index, :math:`(W)`."""
        value, index = self.values(weights).min(dim=1)
        return value, index

    def raw(self, weights: Tensor) -> Tensor:
        r"""The smallest :math:`\Delta(\lambda)` among points descended under that λ, :math:`(W)`.

        NaN where there was no descent. This curve can show that the optimiser has not converged;
        `best` never can.
        """
        own = torch.tensor([-1 if o.weight is None else o.weight for o in self.origins])
        mine = own == torch.arange(len(weights))[:, None]
        value = self.values(weights).masked_fill(~mine, torch.inf).min(dim=1).values
        return value.masked_fill(value.isinf(), torch.nan)
