"""Validity flags that need measurements; those of an attack alone are in `attacks.FLAGS`."""

from collections.abc import Iterable, Sequence
from statistics import fmean
from typing import Any

from seatbelt_vae.attacks import Flag

__all__ = ["measured_flags"]

_CLOSE = 0.1


def measured_flags(
    parts: Iterable[Sequence[dict[str, Any]]], pairs: Sequence[dict[str, Any]]
) -> list[Flag]:
    """Two flags: mean and sampled gaps differ; reconstructions of a pair hardly differ.

    Args:
        parts: for each pair one row per measured attack, see `measure_pair`.
        pairs: one row per pair, see `pair_row`.
    """
    differences = [
        abs(row["gap_sampled"] - row["gap"])
        for rows in parts
        for row in rows
        if row["told_apart"] and row["gap"] is not None and row["gap_sampled"] is not None
    ]
    off = fmean(differences) if differences else 0.0
    lost = sum(not pair["told_apart"] for pair in pairs)
    return [
        Flag("paths differ", off > _CLOSE, off, f"sampled and mean gaps differ by {off:.2g}"),
        Flag("pairs not told apart", lost > 0, lost / len(pairs), f"{lost} of {len(pairs)} pairs"),
    ]
