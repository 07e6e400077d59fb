"""What an attack on a batch of pairs found: one row a level, and what is needed to judge it."""

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from seatbelt_vae.attacks.problem import Problem
from seatbelt_vae.attacks.rows import attack_rows
from seatbelt_vae.attacks.threats import Norms, Penalty

__all__ = ["AttackResult"]


@dataclass(frozen=True)
class AttackResult:
    r"""The attack on P pairs under W levels each, λ of a penalty or ε of a budget.

    Args:
        problem: the pairs and what was known before.
        levels: λ or ε, ascending, in absolute units, :math:`(P, W)`.
        points: :math:`x^*`, flattened, :math:`(P, W, n)`, inside the bounds.
        parts: parts of r at :math:`x^*`, :math:`(P, W, K)`.
        norms: norms of :math:`x^* - x`, :math:`(P, W)`.
        bound: the trivial bound B, :math:`(P, W)`.
        delta_raw: the smallest :math:`\Delta` of the row's own: of the descents made for it, which
            under ``strong`` may begin where another level's ended, and there of the start points
            tried for every row, such as d = 0; NaN without a descent.
        status: how the descent that found :math:`x^*` ended, for each pair and level.
        start: what it started from.
        evaluations: gradient evaluations spent on the row, :math:`(P, W)`.
        unconverged: for each pair, the mean fall of
            :math:`\log(\Delta - c + 10^{-3}(r_0-c))` over the rows that were rerun with twice the
            effort; NaN if none was.
    """

    problem: Problem
    levels: Tensor
    points: Tensor
    parts: Tensor
    norms: Norms
    bound: Tensor
    delta_raw: Tensor
    status: list[list[str]]
    start: list[list[str]]
    evaluations: Tensor
    unconverged: Tensor

    @property
    def adversarial(self) -> Tensor:
        """:math:`x^*`, :math:`(P, W, *\\text{event})`."""
        return self.points.view(*self.levels.shape, *self.problem.event_shape)

    @property
    def divergence(self) -> Tensor:
        """r at :math:`x^*`, :math:`(P, W)`."""
        return self.parts.sum(2)

    @property
    def delta(self) -> Tensor:
        r""":math:`\Delta = r + \lambda\|d\|`, or r within a budget, :math:`(P, W)`."""
        return self.divergence + self.problem.threat.cost(self.norms, self.levels)

    @property
    def exceeds_bound(self) -> Tensor:
        """Rows that are failed attacks: above what showing the input or the target costs."""
        return self.delta > self.bound + self.problem.tolerance(self.bound)

    @property
    def divergence_ratio(self) -> Tensor:
        """:math:`(r - c) / (r_0 - c)`, :math:`(P, W)`; NaN for a loss without a floor."""
        floor = self.problem.loss.floor
        above = self.divergence - (torch.nan if floor is None else floor[:, None])
        return above / self.problem.span[:, None]

    @property
    def outside_bounds(self) -> Tensor:
        """Rows with a pixel outside the image bounds, :math:`(P, W)`."""
        low, high = (torch.as_tensor(bound).to(self.points) for bound in self.problem.bounds)
        return ((self.points < low) | (self.points > high)).any(2)

    @property
    def raw_violation(self) -> Tensor:
        r"""How far raw curves are from those of minima, over :math:`r_0-c`, :math:`(P)`.

        Under a penalty :math:`\Delta(\lambda)` rises and is concave: the largest drop between
        neighbouring λ, or sag below a chord. Under a budget it falls: the largest rise.
        """
        scale = self.problem.remaining(self.delta).amax(1)
        if self.problem.loss.floor is not None:
            scale = self.problem.span
        rows = zip(self.levels, self.delta_raw, strict=True)
        rising = isinstance(self.problem.threat, Penalty)
        worst = [_sag(*row) if rising else _rise(*row) for row in rows]
        # where nothing can be gained a curve has nothing to violate
        return torch.where(scale > 0, torch.stack(worst).to(scale) / scale, 0)

    def offered(self, points: Tensor, name: str) -> tuple["AttackResult", Tensor]:
        r"""The result after a control offered points of its own, :math:`(P, K, n)`.

        Returns:
            The result, with a point of the control wherever it is better, its start being
            ``name``; and the smallest :math:`\Delta` the control reaches under each level,
            :math:`(P, W)`.
        """
        problem = self.problem
        count, each = points.shape[:2]
        pairs = torch.arange(count, device=points.device).repeat_interleave(each)
        flat = points.flatten(0, 1)
        parts = problem.parts(flat, pairs).view(count, each, -1)
        norms = problem.norms(flat, pairs)
        norms = Norms(norms.l2.view(count, each), norms.linf.view(count, each))
        # d = 0 has one value: rounding in another batch must not make it better than itself
        parts = torch.where(norms.linf[..., None] > 0, parts, problem.parts_start[:, None])
        wide = Norms(norms.l2[:, None], norms.linf[:, None])
        cost = problem.threat.cost(wide, self.levels[..., None])
        delta, chosen = (parts.sum(2)[:, None] + cost).nan_to_num(torch.inf).min(dim=2)
        # the attack's own points come back here, and rounding must not make them better
        better = delta < self.delta - problem.negligible[:, None]
        rows = torch.arange(count, device=points.device)[:, None]

        def pick(theirs: Tensor, ours: Tensor) -> Tensor:
            wide = better.view(*better.shape, *[1] * (ours.ndim - 2))
            return torch.where(wide, theirs[rows, chosen], ours)

        found = replace(
            self,
            points=pick(points, self.points),
            parts=pick(parts, self.parts),
            norms=Norms(pick(norms.l2, self.norms.l2), pick(norms.linf, self.norms.linf)),
            status=_renamed(self.status, better, "control"),
            start=_renamed(self.start, better, name),
        )
        return found, delta

    def rows(self, pair: int) -> list[dict[str, Any]]:
        """One row of plain values per level of one pair; see ``docs/rows.md``."""
        return attack_rows(self, pair)


def _renamed(words: list[list[str]], where: Tensor, word: str) -> list[list[str]]:
    return [
        [word if new else old for old, new in zip(row, news, strict=True)]
        for row, news in zip(words, where.tolist(), strict=True)
    ]


def _rise(levels: Tensor, values: Tensor) -> Tensor:
    """The largest rise from a level to the next, among levels that had a descent."""
    values = values[~values.isnan()]
    return (
        (values[1:] - values[:-1]).clamp_min(0).amax() if len(values) > 1 else levels.new_zeros(())
    )


def _sag(levels: Tensor, values: Tensor) -> Tensor:
    """The largest drop to the next level, or sag below the chord of both neighbours."""
    had = ~values.isnan()
    levels, values = levels[had], values[had]
    worst = _rise(levels, -values)
    if len(values) > 2:
        share = (levels[1:-1] - levels[:-2]) / (levels[2:] - levels[:-2])
        chord = torch.lerp(values[:-2], values[2:], share)
        worst = torch.maximum(worst, (chord - values[1:-1]).amax())
    return worst
