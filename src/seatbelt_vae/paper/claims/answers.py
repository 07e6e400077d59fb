"""All claims answered from a store."""

from collections.abc import Mapping, Sequence, Set

from seatbelt_vae.paper.claims.claim import Answer, Claim, answered
from seatbelt_vae.paper.claims.claims import CLAIMS
from seatbelt_vae.paper.claims.contrast import Found
from seatbelt_vae.paper.claims.relation import C9, answer_of_relation
from seatbelt_vae.results import Store

__all__ = ["answer_all"]

_MADE = "SELECT DISTINCT experiment FROM members"


def answer_all(store: Store) -> list[Answer]:
    """Every claim that rests on something that was made, in their order.

    Args:
        store: with the view ``members``, as `reproduce` leaves it.
    """
    made = {row["experiment"] for row in store.query(_MADE).to_pylist()}
    answers = [answered(claim, _found(claim, store)) for claim in CLAIMS if _asked(claim, made)]
    if _asked(C9, made):
        answers.append(answer_of_relation(store))
    return sorted(answers, key=lambda answer: int(answer.claim.id[1:]))


def _asked(claim: Claim, made: Set[str]) -> bool:
    return any(contrast.experiment in made for contrast in claim.contrasts)


def _found(claim: Claim, store: Store) -> Mapping[str, Sequence[Found]]:
    """The contrasts on each data set that has all of them."""
    everything = [contrast.of(store) for contrast in claim.contrasts]
    common = set.intersection(*(set(found) for found in everything))
    panels = [panel for panel in everything[0] if panel in common]
    return {panel: [found[panel] for found in everything] for panel in panels}
