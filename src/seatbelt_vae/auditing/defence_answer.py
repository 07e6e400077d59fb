"""The answer of an audit on a defence at inference: gaps, clean error and duration."""

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import Tensor

from seatbelt_vae.auditing.audited_images import AuditedImages
from seatbelt_vae.auditing.goals import norm, outputs
from seatbelt_vae.auditing.threat_budgets import metric_name
from seatbelt_vae.protocol import Autoencoder, as_inputs
from seatbelt_vae.runs.audit_answers import Compared, Defence
from seatbelt_vae.subjects import Subject

__all__ = ["defence_of"]

Row = dict[str, Any]

_IMAGES = 128


def defence_of(subject: Subject, images: AuditedImages, worst: Sequence[Row]) -> Defence | None:
    """The comparison with the undefended model; None for a subject without a defence.

    Args:
        subject: the audited subject.
        images: its images, of which the first 128 give errors and durations.
        worst: one row per pair, threat, budget and goal.
    """
    if subject.defence is None or subject.undefended is None:
        return None
    test = images.data.test
    x = as_inputs(subject.model, test.batch(np.arange(min(_IMAGES, len(test)))).numpy())
    error, duration = _clean(subject.for_inference, x)
    plain_error, plain_duration = _clean(subject.undefended, x)
    return Defence(
        subject.defence, _compared(worst), error, plain_error, round(duration / plain_duration, 1)
    )


def _clean(model: Autoencoder, x: Tensor) -> tuple[float, float]:
    """Mean ‖rec(x) − x‖² and seconds."""
    began = time.perf_counter()
    reconstruction = outputs(model, x)[1]
    duration = time.perf_counter() - began
    return float(norm(reconstruction - x).square().mean()), duration


def _compared(worst: Sequence[Row]) -> tuple[Compared, ...]:
    """The means of the gaps over pairs that the model tells apart, by budget."""
    rows: dict[str, list[Row]] = {}
    for row in worst:
        if row["goal"] == "gap" and row["told_apart"]:
            name = metric_name("gap", row["threat"], row["epsilon"])
            rows.setdefault(name, []).append(row)
    return tuple(
        Compared(name, *(_mean(found, column) for column in ("value", "fresh", "undefended")))
        for name, found in rows.items()
    )


def _mean(rows: Sequence[Row], column: str) -> float | None:
    known = [row[column] for row in rows if row.get(column) is not None]
    return sum(known) / len(known) if known else None
