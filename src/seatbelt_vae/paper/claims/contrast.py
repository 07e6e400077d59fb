"""One comparison that a claim rests on: a contrast of kinds of models on the same pairs."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from seatbelt_vae.evaluation.bootstrap import MeanKind
from seatbelt_vae.evaluation.two_way_bootstrap import CrossedEstimate, crossed_contrast
from seatbelt_vae.paper.figure_kinds import Curves
from seatbelt_vae.paper.published import published_curves
from seatbelt_vae.paper.run_matrix import Key, RunMatrix, run_matrices
from seatbelt_vae.results import Store

__all__ = ["Contrast", "Effect", "ModelMean", "Role"]

Role = Literal["decides", "published", "scale"]


@dataclass(frozen=True)
class ModelMean:
    """One mean of a contrast.

    Args:
        weight: factor of the mean.
        series: the kind of model, as named in its experiment.
        beta: the ``least`` or the ``most`` β of that series.
        where: SQL condition on its rows (default: the condition of the contrast).
    """

    weight: float
    series: str
    beta: Literal["least", "most"]
    where: str = ""


@dataclass(frozen=True)
class Contrast:
    """A weighted sum of means, or a ratio, which is positive (or above 1) if the claim is true.

    Args:
        words: the comparison, read after "is positive if".
        experiment: the experiment that has the models.
        value: the measure, SQL as in `Curves`; ``source``, ``where``, ``item`` and ``kind`` too.
        terms: the means.
        role: ``decides``; or ``published``, the published measure under the published attack; or
            ``scale``, the published measure under the strong attack, which is compared with half
            the published effect.
        strength: strength of the attack; empty for measures without attacks.
        published: path of the published values in ``published.json``.
        margin: the largest absolute effect that counts as none, stated beforehand; None for no such
            margin.
        comparisons: number of contrasts that the joint interval is for, see `crossed_contrast`.
    """

    words: str
    experiment: str
    value: str
    terms: tuple[ModelMean, ...]
    role: Role = "decides"
    strength: str = ""
    source: str = Curves.source
    where: str = Curves.where
    item: str = ""
    kind: MeanKind = "arithmetic"
    published: str = ""
    margin: float | None = None
    comparisons: int = 1

    def queries(self) -> dict[str, str]:
        """The query of each distinct condition."""
        return {
            where: Curves(
                name="",
                value=self.value,
                label="",
                source=self.source,
                where=where,
                attacked=bool(self.strength),
                item=self.item,
            ).query(self.experiment, self.strength)
            for where in (term.where or self.where for term in self.terms)
        }

    def estimate_on(self, store: Store) -> dict[str, "Effect"]:
        """The contrast on every data set that has all its models."""
        queries = self.queries()
        matrices = {w: run_matrices(store.query(query).to_pylist()) for w, query in queries.items()}
        panels = dict.fromkeys(panel for keyed in matrices.values() for panel, _, _ in keyed)
        return {
            panel: Effect(self, estimate, self._published(panel), tuple(queries.values()))
            for panel in panels
            if (estimate := self._estimate(panel, matrices)) is not None
        }

    def _estimate(
        self, panel: str, matrices: Mapping[str, Mapping[Key, RunMatrix]]
    ) -> CrossedEstimate | None:
        chosen = []
        for term in self.terms:
            keyed = matrices[term.where or self.where]
            betas = {beta for data, series, beta in keyed if (data, series) == (panel, term.series)}
            ends = {t.beta for t in self.terms if t.series == term.series}
            if len(betas) < len(ends):
                return None
            beta = max(betas) if term.beta == "most" else min(betas)
            chosen.append(keyed[panel, term.series, beta].of_most_seeds)
        items = tuple(dict.fromkeys(item for matrix in chosen for item in matrix.items))
        means = zip(self.terms, chosen, strict=True)
        terms = [part for term, matrix in means for part in matrix.terms(term.weight, items)]
        return crossed_contrast(terms, self.kind, comparisons=self.comparisons)

    def _published(self, panel: str) -> float | None:
        """The logarithm of the published ratio.

        Differences in nats depend on the number of pixels, so they have no published counterpart.
        """
        curves = published_curves(self.published, panel)
        if self.kind != "geometric" or any(term.series not in curves for term in self.terms):
            return None
        total = 0.0
        for term in self.terms:
            curve = curves[term.series]
            beta = max(curve) if term.beta == "most" else min(curve)
            total += term.weight * math.log(curve[beta])
        return total


@dataclass(frozen=True)
class Effect:
    """A contrast, estimated on one data set.

    Args:
        contrast: the contrast.
        estimate: its value and interval.
        published: logarithm of the published ratio, if known.
        queries: SQL of the rows it was computed from.
    """

    contrast: Contrast
    estimate: CrossedEstimate
    published: float | None
    queries: tuple[str, ...]

    @property
    def interval(self) -> tuple[float, float] | None:
        """The interval of the effect, for a ratio of its logarithm: 0 is no effect."""
        low, high = self.estimate.low, self.estimate.high
        return None if low is None or high is None else self._scaled(low, high)

    @property
    def joint_interval(self) -> tuple[float, float] | None:
        """The interval that holds together with those of the other contrasts of its role.

        All contrasts must hold for a claim to be reproduced, which needs no correction; one
        refutes it.
        """
        joint = self.estimate.joint
        return self.interval if joint is None else self._scaled(*joint)

    def _scaled(self, low: float, high: float) -> tuple[float, float]:
        if self.contrast.kind == "geometric":
            return math.log(low), math.log(high)
        return low, high

    @property
    def holds(self) -> bool:
        """Whether the whole interval is positive."""
        return self.interval is not None and self.interval[0] > 0

    @property
    def contradicts(self) -> bool:
        """Whether the joint interval is negative, or below half of a positive published effect."""
        if self.joint_interval is None:
            return False
        least = 0.0 if self.published is None else max(0.0, self.published / 2)
        return self.joint_interval[1] < least

    @property
    def negligible(self) -> bool:
        """Whether the joint interval is within the margin."""
        margin = self.contrast.margin
        if self.joint_interval is None or margin is None:
            return False
        low, high = self.joint_interval
        return -margin < low and high < margin
