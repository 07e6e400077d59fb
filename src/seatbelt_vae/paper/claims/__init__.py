"""The paper's claims C1…C12, answered from stored rows."""

from seatbelt_vae.paper.claims.answers import answer_all
from seatbelt_vae.paper.claims.claim import Answer, Claim, Verdict
from seatbelt_vae.paper.claims.contrast import Contrast, Found

__all__ = ["Answer", "Claim", "Contrast", "Found", "Verdict", "answer_all"]
