"""An answer in plain numbers, for files and for the command line."""

from dataclasses import asdict
from typing import Any

from seatbelt_vae.paper.claims.claim import Answer

__all__ = ["record_of"]


def record_of(answer: Answer) -> dict[str, Any]:
    """The answer as JSON holds it: verdicts, and contrasts with their intervals and queries."""
    return {
        "claim": answer.claim.id,
        "text": answer.claim.text,
        "verdict": answer.verdict,
        "why": answer.why,
        "by_data": dict(answer.by_data),
        "contrasts": [
            {
                "data": data,
                "positive_if": found.contrast.words,
                "role": found.contrast.role,
                "protocol": found.contrast.protocol,
                **asdict(found.estimate),
                "of_these_models_only": found.estimate.of_these_models_only,
                "published_log_ratio": found.published,
                "queries": list(found.queries),
            }
            for data, contrasts in answer.found.items()
            for found in contrasts
        ],
    }
