"""Whether the models of a claim can test it: a TC penalty needs a total correlation to reduce."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from seatbelt_vae.paper.claims.contrast import Contrast, ModelMean
from seatbelt_vae.results import Store

__all__ = ["FLOOR", "REQUIREMENTS", "Precondition", "Requirement", "preconditions_on", "unmet"]

FLOOR = "(free_bits * CASE free_bits_group WHEN 'layer' THEN 1 ELSE top_size END)"
"""Nats of the top layer that training does not charge; null or 0 without free bits."""


@dataclass(frozen=True)
class Requirement:
    """A least value of a measure of unpenalised models.

    Args:
        measure: the measure.
        unit: its unit.
        value: SQL over the views ``runs`` and ``evaluations``; null where it does not apply.
        least: the smallest sufficient value.
    """

    measure: str
    unit: str
    value: str
    least: float


REQUIREMENTS = (
    Requirement("KL(z^L)", "× its free-bits floor", f"divergences[depth] / nullif({FLOOR}, 0)", 5),
    Requirement("TC(z^L)", "nats", "tc_lower", 1),
)
"""The requirements of models at β = 1, without which a TC penalty has nothing to reduce."""


@dataclass(frozen=True)
class Precondition:
    """A requirement, measured on one series of models at β = 1.

    Args:
        series: the series.
        requirement: the requirement.
        value: the mean over trainings.
        query: SQL of the rows it was computed from.
    """

    series: str
    requirement: Requirement
    value: float
    query: str

    @property
    def met(self) -> bool:
        """Whether the penalty has something to reduce."""
        return self.value >= self.requirement.least

    def __str__(self) -> str:
        required, sign = self.requirement, "≥" if self.met else "<"
        return f"{required.measure} {self.value:.3g} {sign} {required.least:g} {required.unit}"


def unmet(preconditions: Iterable[Precondition]) -> str:
    """The requirements that are not met, in one line; empty if all are."""
    failed: dict[str, list[str]] = {}
    for precondition in preconditions:
        if not precondition.met:
            failed.setdefault(precondition.series, []).append(str(precondition))
    return "; ".join(f"{series} at β = 1: {', '.join(of)}" for series, of in failed.items())


def preconditions_on(
    store: Store, experiment: str, penalised: Sequence[str]
) -> dict[str, list[Precondition]]:
    """The requirements of each penalised series, by data set; unmeasured ones are left out.

    Args:
        store: a results store with the view ``members``.
        experiment: the experiment that has the models.
        penalised: series of models with a TC penalty.
    """
    found: dict[str, list[Precondition]] = {}
    for data, precondition in _measured(store, experiment, penalised):
        found.setdefault(data, []).append(precondition)
    return found


def _measured(
    store: Store, experiment: str, penalised: Sequence[str]
) -> Iterator[tuple[str, Precondition]]:
    for series in penalised:
        for requirement in REQUIREMENTS:
            contrast = Contrast(
                requirement.measure,
                experiment,
                requirement.value,
                (ModelMean(1, series, "least"),),
                source="evaluations USING (run)",
                where="beta = 1",
            )
            for data, effect in contrast.estimate_on(store).items():
                if effect.estimate.value is not None:
                    (query,) = effect.queries
                    yield data, Precondition(series, requirement, effect.estimate.value, query)
