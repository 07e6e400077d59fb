"""The result of an attack on a batch of pairs: one distortion per pair and level."""

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from seatbelt_vae.attacks.attack_rows import attack_rows
from seatbelt_vae.attacks.problem import Problem
from seatbelt_vae.attacks.threats import Norms, Penalty

__all__ = ["CONTROL", "AttackResult"]

CONTROL = "control"
"""Status of a point that a control found."""


@dataclass(frozen=True)
class AttackResult:
    r"""Adversarial inputs of P pairs under W levels each, λ of a penalty or ε of a budget.

    Args:
        problem: the pairs, their losses and norms at the start.
        levels: λ or ε, ascending, in absolute units, :math:`(P, W)`.
        points: :math:`x^*`, flattened, :math:`(P, W, n)`, inside the bounds.
        parts: parts of r at :math:`x^*`, :math:`(P, W, K)`.
        norms: norms of :math:`x^* - x`, :math:`(P, W)`.
        bound: the trivial bound B, :math:`(P, W)`.
        delta_raw: the smallest :math:`\Delta` of the row's own descents, :math:`(P, W)`; under
            ``strong`` also of the start points of every row, such as d = 0; NaN without a descent.
        status: end of the descent that found :math:`x^*`, per pair and level.
        start: kind of its start point.
        evaluations: gradient evaluations spent on the row, :math:`(P, W)`.
        unconverged: largest fall of :math:`\log(\Delta - c + 10^{-3}(r_0-c))` by the recheck of
            `checked_attack`, :math:`(P)`; NaN without it.
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
        """Failed attacks: rows whose Δ is above the trivial bound by more than the tolerance."""
        return self.delta > self.bound + self.problem.tolerance(self.bound)

    @property
    def at_start(self) -> Tensor:
        """Rows whose x* is a start point: the input, the target or a point between, (P, W)."""
        kept = torch.tensor([[status == "start point" for status in row] for row in self.status])
        at_target = (self.points == self.problem.target[:, None]).all(2)
        return kept.to(at_target.device) | (self.norms.linf == 0) | at_target

    @property
    def divergence_ratio(self) -> Tensor:
        """:math:`(r - c) / (r_0 - c)`, :math:`(P, W)`; NaN for a loss without a floor."""
        floor = self.problem.loss.floor
        above = self.divergence - (torch.nan if floor is None else floor[:, None])
        return above / self.problem.span[:, None]

    @property
    def level_relative(self) -> Tensor:
        """Levels over those whose relative value is 1, see `Threat.unit`, :math:`(P, W)`."""
        return self.levels / self.problem.level_unit[:, None]

    @property
    def distance_relative(self) -> Tensor:
        r""":math:`\|d\| / \|x_t - x\|`, :math:`(P, W)`."""
        return self.norms.l2 / self.problem.image_norms.l2[:, None]

    @property
    def outside_bounds(self) -> Tensor:
        """Rows with a pixel outside the image bounds, :math:`(P, W)`."""
        low, high = (torch.as_tensor(bound).to(self.points) for bound in self.problem.bounds)
        return ((self.points < low) | (self.points > high)).any(2)

    @property
    def raw_violation(self) -> Tensor:
        r"""Largest violation of monotony or concavity by `delta_raw`, over :math:`r_0-c`, (P).

        Under a penalty minima :math:`\Delta(\lambda)` rise and are concave: the largest fall
        between neighbouring λ, or distance below a chord. Under a budget minima fall with ε: the
        largest rise.
        """
        scale = self.problem.remaining(self.delta).amax(1)
        if self.problem.loss.floor is not None:
            scale = self.problem.span
        rows = zip(self.levels, self.delta_raw, strict=True)
        rising = isinstance(self.problem.threat, Penalty)
        worst = [_sag(*row) if rising else _rise(*row) for row in rows]
        # a pair without anything to gain violates nothing
        return torch.where(scale > 0, torch.stack(worst).to(scale) / scale, 0)

    def with_points(
        self, points: Tensor, name: str, status: str = CONTROL
    ) -> tuple["AttackResult", Tensor]:
        r"""The result with the points :math:`(P, K, n)` of a control wherever they are better.

        Returns:
            The new result, where replaced points have the start ``name`` and the ``status``; and
            the smallest :math:`\Delta` of the control under each level, :math:`(P, W)`.
        """
        problem = self.problem
        count, each = points.shape[:2]
        pairs = torch.arange(count, device=points.device).repeat_interleave(each)
        flat = points.flatten(0, 1)
        parts = problem.parts(flat, pairs).view(count, each, -1)
        norms = problem.norms(flat, pairs)
        norms = Norms(norms.l2.view(count, each), norms.linf.view(count, each))
        # all copies of d = 0 get one value: rounding in another batch could lower it
        parts = torch.where(norms.linf[..., None] > 0, parts, problem.parts_start[:, None])
        wide = Norms(norms.l2[:, None], norms.linf[:, None])
        cost = problem.threat.cost(wide, self.levels[..., None])
        delta, chosen = (parts.sum(2)[:, None] + cost).nan_to_num(torch.inf).min(dim=2)
        # the attack's own points are among the control's: rounding must not make them better
        better = delta < self.delta - problem.negligible[:, None]
        rows = torch.arange(count, device=points.device)[:, None]

        def pick(new: Tensor, old: Tensor) -> Tensor:
            mask = better.view(*better.shape, *[1] * (old.ndim - 2))
            return torch.where(mask, new[rows, chosen], old)

        found = replace(
            self,
            points=pick(points, self.points),
            parts=pick(parts, self.parts),
            norms=Norms(pick(norms.l2, self.norms.l2), pick(norms.linf, self.norms.linf)),
            status=_replaced(self.status, better, status),
            start=_replaced(self.start, better, name),
        )
        return found, delta

    def rows(self, pair: int) -> list[dict[str, Any]]:
        """One row of plain values per level of one pair; see ``docs/rows.md``."""
        return attack_rows(self, pair)


def _replaced(words: list[list[str]], where: Tensor, word: str) -> list[list[str]]:
    return [
        [word if new else old for old, new in zip(row, news, strict=True)]
        for row, news in zip(words, where.tolist(), strict=True)
    ]


def _rise(levels: Tensor, values: Tensor) -> Tensor:
    """The largest rise between neighbouring levels, among levels with a descent."""
    values = values[~values.isnan()]
    return values.diff().clamp_min(0).amax() if len(values) > 1 else levels.new_zeros(())


def _sag(levels: Tensor, values: Tensor) -> Tensor:
    """The largest fall between neighbouring levels, or distance below the chord of two."""
    known = ~values.isnan()
    levels, values = levels[known], values[known]
    worst = _rise(levels, -values)
    if len(values) > 2:
        share = (levels[1:-1] - levels[:-2]) / (levels[2:] - levels[:-2])
        chord = torch.lerp(values[:-2], values[2:], share)
        worst = torch.maximum(worst, (chord - values[1:-1]).amax())
    return worst
