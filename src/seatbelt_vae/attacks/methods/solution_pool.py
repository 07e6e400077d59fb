r"""All candidate points of a pair, and the best of them under each level.

:math:`\Delta` is r plus a cost of the distortion's norms, so one evaluation of a point gives its
:math:`\Delta` under all levels. Under a penalty the best curve is a lower envelope of rising lines,
hence concave and non-decreasing; under a budget it is non-increasing.
"""

from collections.abc import Container, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from seatbelt_vae.attacks.threats import Norms, Threat

__all__ = ["Origin", "SolutionPool"]

# cosine of two distortions that lead to one minimum
_ALIKE = 0.9


@dataclass(frozen=True)
class Origin:
    """The origin of a candidate.

    Args:
        start: kind of the point its descent started from, or of the point itself.
        status: end of the descent; ``start point`` without a descent.
        level: index of the level of its descent; None for a start point.
    """

    start: str
    status: str = "start point"
    level: int | None = None


@dataclass
class SolutionPool:
    """The candidates of one pair.

    Args:
        threat: gives :math:`\\Delta` from r and the norms.
        points: :math:`(K, n)`.
        parts: their parts of r, :math:`(K, P)`, float64.
        norms: of their distortions, :math:`(K)`.
        origins: one per point.
    """

    threat: Threat
    points: Tensor
    parts: Tensor
    norms: Norms
    origins: list[Origin] = field(default_factory=list)

    def add(self, points: Tensor, parts: Tensor, norms: Norms, origins: Sequence[Origin]) -> None:
        """Add evaluated points :math:`(R, n)`; those with a loss that is not finite are dropped."""
        finite = parts.isfinite().all(1)
        self.points = torch.cat([self.points, points[finite]])
        self.parts = torch.cat([self.parts, parts[finite]])
        kept = norms[finite]
        self.norms = Norms(
            torch.cat([self.norms.l2, kept.l2]), torch.cat([self.norms.linf, kept.linf])
        )
        self.origins += [o for o, valid in zip(origins, finite.tolist(), strict=True) if valid]

    def values(self, levels: Tensor) -> Tensor:
        r""":math:`\Delta` of every candidate under every level, :math:`(W, K)`, float64."""
        return self.parts.sum(1) + self.threat.cost(self.norms, levels[:, None])

    def best(self, levels: Tensor) -> tuple[Tensor, Tensor]:
        r"""The smallest known :math:`\Delta` and its candidate's index, :math:`(W)`."""
        value, index = self.values(levels).min(dim=1)
        return value, index

    def best_descended(self, levels: Tensor) -> Tensor:
        """Index of the best end of a descent under each level; 0 if there is none."""
        start_point = torch.tensor([origin.level is None for origin in self.origins])
        values = self.values(levels).masked_fill(start_point.to(levels.device), torch.inf)
        return values.argmin(dim=1)

    def distinct_best(self, level: Tensor, x: Tensor, count: int) -> list[int]:
        """Indices of the best ends of descents whose distortions of x differ in direction."""
        start_point = torch.tensor([origin.level is None for origin in self.origins])
        values = self.values(level[None])[0].masked_fill(start_point.to(level.device), torch.inf)
        order = values.argsort()[: int(values.isfinite().sum())]
        directions = torch.nn.functional.normalize(self.points[order] - x)
        alike = (directions @ directions.T > _ALIKE).tolist()
        chosen: list[int] = []
        for place in range(len(order)):
            if len(chosen) < count and not any(alike[place][other] for other in chosen):
                chosen.append(place)
        return [int(order[place]) for place in chosen]

    def raw(
        self, levels: Tensor, excluded: Container[str] = (), *, start_points: bool = False
    ) -> Tensor:
        r"""The smallest :math:`\Delta` of each level's own descents, :math:`(W)`.

        NaN without a descent, or if all of them ended with an ``excluded`` status. This curve can
        show that the optimiser has not converged; `best` cannot. ``start_points`` adds the points
        that every row starts from, d = 0 among them.
        """
        level_of = torch.tensor(
            [-1 if o.level is None or o.status in excluded else o.level for o in self.origins]
        )
        descended = (level_of == torch.arange(len(levels))[:, None]).to(levels.device)
        counted = descended
        if start_points:
            no_descent = torch.tensor([origin.level is None for origin in self.origins])
            counted = descended | no_descent.to(levels.device)
        lowest = self.values(levels).masked_fill(~counted, torch.inf).min(dim=1).values
        return lowest.masked_fill(~descended.any(dim=1) | lowest.isinf(), torch.nan)
