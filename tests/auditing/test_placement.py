"""The place of a model among known models, against the formulas of simple regression."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import linregress

from seatbelt_vae.auditing.placement import known_models, placement_of
from seatbelt_vae.runs.audit_answers import KnownModel
from tests.auditing.example import example

VARIANCES = (0.05, 0.1, 0.2, 0.3, 0.4, 0.6)
GAPS = (0.7, 0.62, 0.55, 0.5, 0.51, 0.38)
KNOWN = tuple(
    KnownModel(f"model {i}", u, gap) for i, (u, gap) in enumerate(zip(VARIANCES, GAPS, strict=True))
)


def _audit(ratio: float):  # type: ignore[no-untyped-def]
    checks = [replace(c, value=ratio) if c.id == "unexplained" else c for c in example().checks]
    return example().results, checks


def test_the_prediction_is_that_of_a_regression() -> None:
    results, checks = _audit(0.5)
    found = placement_of(results, checks, KNOWN)
    line = linregress(np.log(VARIANCES), GAPS)
    expected = line.intercept + line.slope * np.log(0.25)
    residuals = np.array(GAPS) - line.intercept - line.slope * np.log(VARIANCES)
    value = example().result("gap@0.2")
    assert found is not None
    assert value is not None
    assert found.unexplained_variance == pytest.approx(0.25)
    assert found.expected == pytest.approx(expected)
    spread = np.sqrt((residuals**2).sum() / 4)
    assert found.z_score == pytest.approx((value.value - expected) / spread)  # type: ignore[operator]


@pytest.mark.parametrize("ratio", [0.1, 1.0])
def test_models_unlike_the_known_ones_have_no_prediction(ratio: float) -> None:
    found = placement_of(*_audit(ratio), KNOWN)
    assert found is not None
    assert (found.expected, found.z_score) == (None, None)


def test_nothing_to_compare_with() -> None:
    results, checks = _audit(0.5)
    assert placement_of(results, checks, KNOWN[:4]) is None
    assert placement_of([], checks, KNOWN) is None
    assert placement_of(results, [], KNOWN) is None


def test_known_models_are_stored() -> None:
    known = known_models()
    assert len({model.name for model in known}) == len(known) >= 5
    assert all(0 < model.unexplained_variance < 1 and 0 < model.value < 1 for model in known)
