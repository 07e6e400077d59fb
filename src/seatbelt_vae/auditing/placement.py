"""The place of a model among known models of equal unexplained variance."""

import json
from collections.abc import Sequence
from functools import cache
from importlib.resources import files

import numpy as np

from seatbelt_vae.auditing.verdict import HEADLINE
from seatbelt_vae.runs.audit_answers import KnownModel, Placement, Result
from seatbelt_vae.runs.audit_document import Check

__all__ = ["KNOWN_MODELS", "known_models", "placement_of", "unexplained_variance"]

KNOWN_MODELS = "known_models.json"
"""The known models, in this folder; ``docs/known_models.py`` writes the file from audits."""

_FEWEST = 5
_BEYOND = 1.5  # largest factor by which the unexplained variance is outside that of known models


def placement_of(
    results: Sequence[Result], checks: Sequence[Check], known: Sequence[KnownModel]
) -> Placement | None:
    r"""Compare ``gap@0.2`` with the value that known models predict.

    The prediction is the least-squares line of the gap over :math:`\log u`, with the unexplained
    variance u. The z-score is the difference over the standard deviation of the residuals, with two
    degrees of freedom less.

    Args:
        results: the results of an audit.
        checks: its checks, among them ``unexplained``.
        known: the known models.

    Returns:
        None without the metric, without the check, or with fewer than five known models. A model
        far outside their unexplained variance has no prediction.
    """
    headline = next((result for result in results if result.metric == HEADLINE), None)
    unexplained = unexplained_variance(checks)
    if headline is None or headline.value is None or not unexplained or len(known) < _FEWEST:
        return None
    variances = np.log([model.unexplained_variance for model in known])
    gaps = np.array([model.value for model in known])
    slope, start = np.polyfit(variances, gaps, 1)
    spread = float(np.sqrt(np.square(gaps - start - slope * variances).sum() / (len(known) - 2)))
    place, margin = np.log(unexplained), np.log(_BEYOND)
    expected = z_score = None
    if variances.min() - margin <= place <= variances.max() + margin:
        expected = float(start + slope * place)
        z_score = (headline.value - expected) / spread if spread > 0 else None
    return Placement(HEADLINE, unexplained, expected, z_score, tuple(known))


def unexplained_variance(checks: Sequence[Check]) -> float | None:
    r""":math:`\|x - \mathrm{rec}(x)\|^2 / \|x - \bar x\|^2`, if it was checked."""
    found = next((check.value for check in checks if check.id == "unexplained"), None)
    return None if found is None else found**2


@cache
def known_models() -> tuple[KnownModel, ...]:
    """The known models."""
    text = files("seatbelt_vae.auditing").joinpath(KNOWN_MODELS).read_text("utf-8")
    return tuple(KnownModel(**entry) for entry in json.loads(text))
