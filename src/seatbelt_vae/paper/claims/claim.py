"""What a claim is, and the rule by which it is answered."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from seatbelt_vae.paper.claims.contrast import Contrast, Found

__all__ = ["Answer", "Claim", "Verdict", "answered"]

Verdict = Literal["reproduced", "only under the weak protocol", "not reproduced", "undecided"]


@dataclass(frozen=True)
class Claim:
    """A statement of the paper.

    Args:
        id: such as ``C1``.
        text: the statement.
        contrasts: what it rests on.
    """

    id: str
    text: str
    contrasts: tuple[Contrast, ...]


@dataclass(frozen=True)
class Answer:
    """What was found of a claim.

    Args:
        claim: which.
        verdict: over all data sets with enough trainings, if they agree.
        why: in one line.
        by_data: the verdict on each data set.
        found: the contrasts on each data set.
    """

    claim: Claim
    verdict: Verdict
    why: str
    by_data: Mapping[str, Verdict]
    found: Mapping[str, Sequence[Found]]


def answered(claim: Claim, found: Mapping[str, Sequence[Found]]) -> Answer:
    """Answer a claim from its contrasts on each data set.

    Data sets on which fewer than three trainings stand behind a contrast speak of those models
    only, and decide nothing.
    """
    by_data = {data: _verdict(contrasts) for data, contrasts in found.items()}
    deciding = {
        data
        for data, contrasts in found.items()
        if not any(f.estimate.of_these_models_only for f in contrasts)
    }
    verdicts = {by_data[data] for data in deciding}
    if not found:
        verdict, why = _undecided(
            "no data set has all the models it compares, with pairs told apart"
        )
    elif not deciding:
        verdict, why = _undecided("fewer than three trainings: of these models only")
    elif len(verdicts) > 1:
        verdict, why = _undecided("the data sets disagree")
    else:
        (verdict,) = verdicts
        why = f"on {', '.join(sorted(deciding))}"
    return Answer(claim, verdict, why, by_data, found)


def _undecided(why: str) -> tuple[Verdict, str]:
    return "undecided", why


def _verdict(found: Sequence[Found]) -> Verdict:
    r"""The rule, on one data set.

    *Reproduced* if every deciding contrast has the claimed sign and an interval without 0;
    *only under the weak protocol* if that is true of the published measures only, under the
    published attack, at half the published effect or more; *not reproduced* if some contrast has
    the other sign beyond chance, or, on the published scale under the strong attack, less than half
    the published effect.
    """
    deciding = [f for f in found if f.contrast.role == "decides"]
    published = [f for f in found if f.contrast.role == "published"]
    if deciding and all(f.holds for f in deciding):
        return "reproduced"
    if published and all(f.holds and not f.speaks_against for f in published):
        return "only under the weak protocol"
    if any(f.speaks_against for f in found if f.contrast.role != "published"):
        return "not reproduced"
    return "undecided"
