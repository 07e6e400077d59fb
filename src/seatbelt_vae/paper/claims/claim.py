"""Claims of the paper, and the rule by which they are answered."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from types import MappingProxyType
from typing import Any, Literal, get_args

from seatbelt_vae.paper.claims.contrast import Contrast, Effect
from seatbelt_vae.paper.claims.power import trainings_to_decide
from seatbelt_vae.paper.claims.testability import Precondition, unmet

__all__ = ["VERDICTS", "Answer", "Claim", "Verdict", "answer_claim", "record_of"]

Verdict = Literal[
    "reproduced",
    "only under the weak protocol",
    "not reproduced",
    "undecided",
    "not testable at this size",
]

VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
"""All verdicts, in the order of the page."""


@dataclass(frozen=True)
class Claim:
    """A statement of the paper.

    Args:
        id: such as ``C1``.
        text: the statement.
        contrasts: the comparisons that decide it.
        penalised: series whose robustness it attributes to the TC penalty.
        primary: whether it is one of the claims that the paper rests on.
        of_these_models: whether it is about single trainings, with intervals over pairs alone.
    """

    id: str
    text: str
    contrasts: tuple[Contrast, ...]
    penalised: tuple[str, ...] = ()
    primary: bool = False
    of_these_models: bool = False


@dataclass(frozen=True)
class Answer:
    """The answer to a claim.

    Args:
        claim: the claim.
        verdict: the verdict of all testable data sets with enough trainings, if they agree.
        why: the reason, in one line.
        by_data: the verdict on each data set.
        effects: the estimated contrasts on each data set.
        preconditions: the measured requirements of a test on each data set.
    """

    claim: Claim
    verdict: Verdict
    why: str
    by_data: Mapping[str, Verdict]
    effects: Mapping[str, Sequence[Effect]]
    preconditions: Mapping[str, Sequence[Precondition]] = field(default_factory=dict)


def answer_claim(
    claim: Claim,
    effects: Mapping[str, Sequence[Effect]],
    preconditions: Mapping[str, Sequence[Precondition]] = MappingProxyType({}),
) -> Answer:
    """Answer a claim from its contrasts on each data set.

    A data set does not count if one of its contrasts rests on fewer than three trainings (except
    `Claim.of_these_models`), or if its unpenalised models leave the penalty nothing to reduce,
    which needs no attack to be known. If all data sets are of the latter kind, the claim is *not
    testable at this size*.
    """
    reasons = {data: unmet(required) for data, required in preconditions.items()}
    untestable = {data: why for data, why in reasons.items() if why}
    testable = (effects.keys() | preconditions.keys()) - untestable.keys()
    by_data: dict[str, Verdict] = {
        data: "not testable at this size" if data in untestable else _verdict(on_data)
        for data, on_data in effects.items()
    }
    deciding = {
        data
        for data, on_data in effects.items()
        if data in testable
        and (claim.of_these_models or not any(e.estimate.of_these_models_only for e in on_data))
    }
    verdicts = {by_data[data] for data in deciding}
    verdict: Verdict = "undecided"
    if untestable and not testable:
        verdict = "not testable at this size"
        why = "; ".join(f"{data}, {reason}" for data, reason in untestable.items())
    elif not testable & effects.keys():
        why = "no data set has all the models it compares, with pairs told apart"
    elif not deciding:
        why = "fewer than three trainings: of these models only"
    elif len(verdicts) > 1:
        why = "the data sets disagree"
    else:
        (verdict,) = verdicts
        few = "of these models only, " if claim.of_these_models else ""
        why = f"{few}on {', '.join(sorted(deciding))}"
    return Answer(claim, verdict, why, by_data, effects, preconditions)


def _verdict(effects: Sequence[Effect]) -> Verdict:
    r"""The verdict on one data set.

    *Reproduced*: every deciding contrast has the claimed sign and an interval without 0.
    *Only under the weak protocol*: only the published measures do, under the published attack, with
    at least half the published effect.
    *Not reproduced*: a contrast has the other sign and an interval without 0, or less than half the
    published effect under the strong attack, or an interval within its margin of no effect.
    """
    deciding = [e for e in effects if e.contrast.role == "decides"]
    published = [e for e in effects if e.contrast.role == "published"]
    if deciding and all(e.holds for e in deciding):
        return "reproduced"
    if published and all(e.holds and not e.contradicts for e in published):
        return "only under the weak protocol"
    if any(e.contradicts or e.negligible for e in effects if e.contrast.role != "published"):
        return "not reproduced"
    return "undecided"


def record_of(answer: Answer) -> dict[str, Any]:
    """The answer as a JSON object: verdicts, contrasts and preconditions, with their queries."""
    return {
        "claim": answer.claim.id,
        "primary": answer.claim.primary,
        "text": answer.claim.text,
        "verdict": answer.verdict,
        "why": answer.why,
        "by_data": dict(answer.by_data),
        "contrasts": [
            {
                "data": data,
                "positive_if": effect.contrast.words,
                "role": effect.contrast.role,
                "protocol": effect.contrast.strength,  # the stored name
                **asdict(effect.estimate),
                "of_these_models_only": effect.estimate.of_these_models_only,
                "published_log_ratio": effect.published,
                "margin": effect.contrast.margin,
                "comparisons": effect.contrast.comparisons,
                "trainings_to_decide": trainings_to_decide(effect),
                "queries": list(effect.queries),
            }
            for data, effects in answer.effects.items()
            for effect in effects
        ],
        "preconditions": [
            {
                "data": data,
                "series": found.series,
                "measure": found.requirement.measure,
                "unit": found.requirement.unit,
                "value": found.value,
                "at_least": found.requirement.least,
                "met": found.met,
                "query": found.query,
            }
            for data, measured in answer.preconditions.items()
            for found in measured
        ],
    }
