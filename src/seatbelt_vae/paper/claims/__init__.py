"""The paper's claims C1 to C12, answered from stored rows."""

from seatbelt_vae.paper.claims.answers import answer_all
from seatbelt_vae.paper.claims.claim import VERDICTS, Answer, Claim, Verdict, record_of
from seatbelt_vae.paper.claims.contrast import Contrast, Effect, ModelMean
from seatbelt_vae.paper.claims.power import trainings_to_decide
from seatbelt_vae.paper.claims.statements import MARGIN

__all__ = [
    "MARGIN",
    "VERDICTS",
    "Answer",
    "Claim",
    "Contrast",
    "Effect",
    "ModelMean",
    "Verdict",
    "answer_all",
    "record_of",
    "trainings_to_decide",
]
