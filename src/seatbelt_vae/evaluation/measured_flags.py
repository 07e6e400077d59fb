"""Validity flags that need measurements; those of an attack alone are in `attacks.FLAGS`."""

from collections.abc import Iterable, Sequence
from itertools import chain
from statistics import fmean
from typing import Any

from seatbelt_vae.attacks.diagnostics.flags import NOT_CHECKED, Flag

__all__ = ["measured_flags"]

_CLOSE = 0.1
_CONVERGED = 0.03


def measured_flags(
    parts: Iterable[Sequence[dict[str, Any]]],
    pairs: Sequence[dict[str, Any]],
    budgets: Iterable[Sequence[dict[str, Any]]] = (),
) -> list[Flag]:
    """Flags of the gaps on two paths, of their convergence, and of pairs not told apart.

    Args:
        parts: for each pair one row per measured attack, see `measure_pair`.
        pairs: one row per pair, see `pair_row`.
        budgets: for each pair one row per budget.
    """
    at_budgets = [row for rows in budgets for row in rows if row["told_apart"]]
    differences = [
        abs(row["gap_sampled"] - row["gap"])
        for row in chain(chain.from_iterable(parts), at_budgets)
        if row["told_apart"] and row["gap"] is not None and row.get("gap_sampled") is not None
    ]
    off = fmean(differences) if differences else 0.0
    lost = sum(not pair["told_apart"] for pair in pairs)
    return [
        Flag("paths differ", off > _CLOSE, off, f"sampled and mean gaps differ by {off:.2g}"),
        _convergence([row.get("unconverged") for row in at_budgets]),
        *_transfer([row.get("transfer_fall") for row in at_budgets]),
        Flag("pairs not told apart", lost > 0, lost / len(pairs), f"{lost} of {len(pairs)} pairs"),
    ]


def _transfer(falls: Sequence[float | None]) -> list[Flag]:
    """The flag of a defence at inference that masks its gradient; none without a defence."""
    known = [fall for fall in falls if fall is not None]
    if not known:
        return []
    worst = max(known)
    detail = f"attacks that know the undefended model lower a gap by up to {worst:.2g}"
    return [Flag("transfer lowers the gap", worst > _CONVERGED, worst, detail)]


def _convergence(falls: Sequence[float | None]) -> Flag:
    known = [fall for fall in falls if fall is not None]
    worst = max(known, default=0.0)
    detail = f"new starts lower a gap by up to {worst:.2g}" if known else NOT_CHECKED
    return Flag("gap not converged", worst > _CONVERGED, worst, detail)
