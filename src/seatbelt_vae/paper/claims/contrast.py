"""One comparison that a claim rests on: kinds of models set against each other on equal pairs."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from seatbelt_vae.evaluation.bootstrap import Kind
from seatbelt_vae.evaluation.two_way_bootstrap import CrossedEstimate, crossed_contrast
from seatbelt_vae.paper.figures import Curves
from seatbelt_vae.paper.published import published_curves
from seatbelt_vae.paper.run_matrix import Cell, Key, cells_of
from seatbelt_vae.results import Store

__all__ = ["Contrast", "Found", "Of", "Role"]

Role = Literal["decides", "published", "scale"]


@dataclass(frozen=True)
class Of:
    """One mean of a contrast.

    Args:
        weight: what it is multiplied with.
        series: the kind of model, as its experiment calls it.
        beta: the ``least`` or the ``most`` β of that series.
        where: which of its rows, if not those of the contrast.
    """

    weight: float
    series: str
    beta: Literal["least", "most"]
    where: str = ""


@dataclass(frozen=True)
class Contrast:
    """A weighted sum of means, or a ratio, and the sign that the paper claims for it.

    Args:
        words: what it compares, read after "is positive if".
        experiment: whose models.
        value: the measure, SQL as in `Curves`; ``source``, ``where``, ``item`` and ``kind`` too.
        terms: the means.
        role: whether it ``decides``, is the measure that was ``published`` under the published
            attack, or is that measure under the strong attack, by whose ``scale`` an effect is told
            from half of the published one.
        protocol: of the attack; empty for what no attack made.
        published: where the published values are, a path in ``published.json``.
    """

    words: str
    experiment: str
    value: str
    terms: tuple[Of, ...]
    role: Role = "decides"
    protocol: str = ""
    source: str = Curves.source
    where: str = Curves.where
    item: str = ""
    kind: Kind = "arithmetic"
    published: str = ""

    def queries(self) -> dict[str, str]:
        """The query of each different ``where``."""
        wheres = dict.fromkeys(term.where or self.where for term in self.terms)
        return {
            where: Curves(
                name="",
                value=self.value,
                label="",
                source=self.source,
                where=where,
                attacked=bool(self.protocol),
                item=self.item,
            ).query(self.experiment, self.protocol)
            for where in wheres
        }

    def of(self, store: Store) -> dict[str, "Found"]:
        """The contrast on every data set that has all its models."""
        queries = self.queries()
        cells = {
            where: cells_of(store.query(query).to_pylist()) for where, query in queries.items()
        }
        panels = dict.fromkeys(panel for found in cells.values() for panel, _, _ in found)
        estimates = {panel: self._on(panel, cells) for panel in panels}
        return {
            panel: Found(self, estimate, self._effect(panel), tuple(queries.values()))
            for panel, estimate in estimates.items()
            if estimate is not None
        }

    def _on(self, panel: str, cells: Mapping[str, Mapping[Key, Cell]]) -> CrossedEstimate | None:
        chosen = []
        for term in self.terms:
            found = cells[term.where or self.where]
            betas = [b for p, s, b in found if (p, s) == (panel, term.series)]
            if not betas or (len(set(betas)) < 2 and self._needs_both(term.series)):
                return None
            beta = max(betas) if term.beta == "most" else min(betas)
            chosen.append(found[panel, term.series, beta].of_most_seeds)
        items = tuple(dict.fromkeys(item for cell in chosen for item in cell.items))
        terms = [
            one
            for term, cell in zip(self.terms, chosen, strict=True)
            for one in cell.terms(term.weight, items)
        ]
        return crossed_contrast(terms, self.kind)

    def _needs_both(self, series: str) -> bool:
        return len({term.beta for term in self.terms if term.series == series}) > 1

    def _effect(self, panel: str) -> float | None:
        """The published contrast of a ratio, by its logarithm.

        Differences in nats grow with the number of pixels, so those are not compared.
        """
        if self.kind != "geometric":
            return None
        curves = published_curves(self.published, panel)
        if not all(term.series in curves for term in self.terms):
            return None
        total = 0.0
        for term in self.terms:
            curve = curves[term.series]
            value = curve[max(curve) if term.beta == "most" else min(curve)]
            total += term.weight * math.log(value)
        return total


@dataclass(frozen=True)
class Found:
    """A contrast as it was found on one data set.

    Args:
        contrast: which.
        estimate: its value and interval.
        published: the logarithm of the published ratio, if it is one and known.
        queries: the queries whose rows it was computed from.
    """

    contrast: Contrast
    estimate: CrossedEstimate
    published: float | None
    queries: tuple[str, ...]

    @property
    def interval(self) -> tuple[float, float] | None:
        """Of the effect, a ratio by its logarithm, so that 0 is no effect."""
        low, high = self.estimate.low, self.estimate.high
        if low is None or high is None:
            return None
        if self.contrast.kind == "geometric":
            return math.log(low), math.log(high)
        return low, high

    @property
    def holds(self) -> bool:
        """Whether it is positive beyond chance."""
        return self.interval is not None and self.interval[0] > 0

    @property
    def speaks_against(self) -> bool:
        """Whether it is negative beyond chance, or less than half of what was published."""
        if self.interval is None:
            return False
        least = 0.0 if self.published is None else max(0.0, self.published / 2)
        return self.interval[1] < least
