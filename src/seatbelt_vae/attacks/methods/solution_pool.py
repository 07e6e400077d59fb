r"""Every point known for a pair, and the best of them under each level.

:math:`\Delta` is r plus a cost of the distortion's norms, so one point costs one evaluation and
then serves all levels. Under a penalty the best known curve is a lower envelope of rising lines,
concave and non-decreasing by construction; under a budget it is non-increasing.
"""

from collections.abc import Container, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from seatbelt_vae.attacks.threats import Norms, Threat

__all__ = ["Origin", "SolutionPool"]


@dataclass(frozen=True)
class Origin:
    """Where a candidate came from.

    Args:
        start: the kind of point its descent began at, or of the point itself.
        status: how the descent ended; ``start point`` if there was none.
        level: index of the level it was descended under; None for a start point.
    """

    start: str
    status: str = "start point"
    level: int | None = None


@dataclass
class SolutionPool:
    """The pool of points of one pair.

    Args:
        threat: what makes a :math:`\\Delta` of r and the norms.
        points: :math:`(K, n)`.
        parts: their parts of r, :math:`(K, P)`, float64.
        norms: of their distortions, :math:`(K)`.
        origins: one a point.
    """

    threat: Threat
    points: Tensor
    parts: Tensor
    norms: Norms
    origins: list[Origin] = field(default_factory=list)

    def add(self, points: Tensor, parts: Tensor, norms: Norms, origins: Sequence[Origin]) -> None:
        """Keep evaluated points :math:`(R, n)`; one that is not finite is dropped."""
        finite = parts.isfinite().all(1)
        self.points = torch.cat([self.points, points[finite]])
        self.parts = torch.cat([self.parts, parts[finite]])
        kept = norms[finite]
        self.norms = Norms(
            torch.cat([self.norms.l2, kept.l2]), torch.cat([self.norms.linf, kept.linf])
        )
        self.origins += [o for o, keep in zip(origins, finite.tolist(), strict=True) if keep]

    def values(self, levels: Tensor) -> Tensor:
        r""":math:`\Delta` of every candidate under every level, :math:`(W, K)`, float64."""
        return self.parts.sum(1) + self.threat.cost(self.norms, levels[:, None])

    def best(self, levels: Tensor) -> tuple[Tensor, Tensor]:
        r"""The smallest known :math:`\Delta` and its candidate's index, :math:`(W)`."""
        value, index = self.values(levels).min(dim=1)
        return value, index

    def best_descended(self, levels: Tensor) -> Tensor:
        """Index of the best point under each level that a descent ended at; 0 if there is none."""
        start_point = torch.tensor([origin.level is None for origin in self.origins])
        values = self.values(levels).masked_fill(start_point.to(levels.device), torch.inf)
        return values.argmin(dim=1)

    def raw(
        self, levels: Tensor, but: Container[str] = (), *, start_points: bool = False
    ) -> Tensor:
        r"""The smallest :math:`\Delta` among points descended under that level, :math:`(W)`.

        NaN where there was no descent, or only such as ended with a status ``but``. This curve
        can show that the optimiser has not converged; `best` never can. With ``start_points``
        those count too: every row has them of its own, d = 0 among them.
        """
        own = torch.tensor(
            [-1 if o.level is None or o.status in but else o.level for o in self.origins]
        )
        mine = (own == torch.arange(len(levels))[:, None]).to(levels.device)
        counted = mine
        if start_points:
            no_descent = torch.tensor([origin.level is None for origin in self.origins])
            counted = mine | no_descent.to(levels.device)
        lowest = self.values(levels).masked_fill(~counted, torch.inf).min(dim=1).values
        return lowest.masked_fill(~mine.any(dim=1) | lowest.isinf(), torch.nan)
