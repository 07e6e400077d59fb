"""Answers to all claims from a results store."""

from collections import Counter
from dataclasses import replace

from seatbelt_vae.paper.claims.claim import Answer, Claim, answer_claim
from seatbelt_vae.paper.claims.rank_correlation import C9, PUBLIC_C9, answer_rank_correlation
from seatbelt_vae.paper.claims.statements import CLAIMS, PUBLIC_CLAIMS
from seatbelt_vae.paper.claims.testability import preconditions_on
from seatbelt_vae.results import Store

__all__ = ["answer_all"]

_EXPERIMENTS = "SELECT DISTINCT experiment FROM members"


def answer_all(store: Store) -> list[Answer]:
    """Answer every claim with an experiment in the store, ordered by number.

    Args:
        store: a results store with the view ``members``, as written by `reproduce`.
    """
    present = {row["experiment"] for row in store.query(_EXPERIMENTS).to_pylist()}
    ranked = (C9, PUBLIC_C9)
    answers = [
        answer_rank_correlation(store, claim) if claim in ranked else _answer(claim, store)
        for claim in (*CLAIMS, *PUBLIC_CLAIMS, *ranked)
        if any(contrast.experiment in present for contrast in claim.contrasts)
    ]
    return sorted(answers, key=lambda answer: int(answer.claim.id[1:]))


def _answer(claim: Claim, store: Store) -> Answer:
    """Answer a claim from the data sets that have all its contrasts.

    One contrast refutes a claim, so the joint intervals are for all contrasts of one role.
    """
    roles = Counter(contrast.role for contrast in claim.contrasts)
    corrected = [replace(each, comparisons=roles[each.role]) for each in claim.contrasts]
    effects = [contrast.estimate_on(store) for contrast in corrected]
    common = [data for data in effects[0] if all(data in by_data for by_data in effects)]
    return answer_claim(
        claim,
        {data: [by_data[data] for by_data in effects] for data in common},
        preconditions_on(store, claim.contrasts[0].experiment, claim.penalised),
    )
