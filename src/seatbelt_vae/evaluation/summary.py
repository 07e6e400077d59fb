"""From rows to pairs, and from pairs to a suite's summary: scale-free measures first.

Rows are averaged within their pair before anything is averaged over pairs, so that a pair counts
once however many levels it was attacked under.
"""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from seatbelt_vae.evaluation.bootstrap import Kind, estimate
from seatbelt_vae.evaluation.budgets import BUDGETS
from seatbelt_vae.evaluation.robustness import PairMeasures

__all__ = ["MEASURES", "pair_row", "says_something", "shifted_geometric_mean", "summarise"]

Row = dict[str, Any]

_GAP_IS = "upper bound: stored rows, the same shortened, the blend"
_EXHAUSTED = "evaluation limit"
_SHIFT = 1e-3

_AT_BUDGETS: dict[str, tuple[Kind, str]] = {
    f"{name}@{epsilon:g}": ("arithmetic", "1")
    for name in ("gap", "blend_gap")
    for epsilon in BUDGETS
}

MEASURES: dict[str, tuple[Kind, str]] = {
    "divergence_ratio": ("arithmetic", "1"),
    **_AT_BUDGETS,
    "auddc": ("arithmetic", "1"),
    "auddc_worst": ("arithmetic", "1"),
    "delta_over_bound": ("arithmetic", "1"),
    "reconstruction_error": ("arithmetic", "1"),
    "delta": ("geometric", "of the loss, above its floor"),
    "bound": ("geometric", "of the loss, above its floor"),
    "divergence": ("geometric", "of the loss, above its floor"),
    "divergence_start": ("geometric", "of the loss, above its floor"),
    "delta_mean": ("arithmetic", "of the loss"),
    "bound_mean": ("arithmetic", "of the loss"),
    "nll_target": ("arithmetic", "nats"),
    "target_error": ("arithmetic", "image distance"),
    "distance": ("arithmetic", "image distance"),
    "distance_relative": ("arithmetic", "1"),
    "unconverged_share": ("arithmetic", "share of rows"),
}
"""What a summary holds, in the order it is shown: the kind of mean over pairs, and the unit.

`delta_mean` and `bound_mean` are the published plain means over λ; the rest is what to read. A
loss is in nats, but W₂ is a distance of latents, and ``output-l2`` and ``damage-reconstruction``
are distances of images.
"""

_NEEDS = {"gap": "told_apart", "blend_gap": "told_apart", "auddc": "told_apart_distortion"}
_NEEDS["auddc_worst"] = "told_apart_distortion"


def shifted_geometric_mean(values: Sequence[float], shift: float = 0.0) -> float:
    r""":math:`\exp\overline{\log(v + s)} - s` of numbers that are not negative.

    A shift keeps one exact 0, such as the divergence of the target image itself, from deciding
    the mean; without one any 0 makes it 0.

    Example:
        >>> round(shifted_geometric_mean([0.0, 3.0], shift=1.0), 12)
        1.0
    """
    with np.errstate(divide="ignore"):  # log 0 = −∞ is meant
        return float(np.exp(np.log(np.asarray(values) + shift).mean())) - shift


def pair_row(attacks: Sequence[Row], measures: PairMeasures) -> Row:
    r"""The one row that stands for a pair: means over its levels, and its gaps and areas.

    With c the greatest lower bound of the loss and :math:`r_0` the divergence at d = 0:
    ``delta`` and ``bound`` are geometric means over λ of :math:`\Delta-c` and :math:`B-c`,
    ``divergence`` the one of :math:`r-c` shifted by :math:`10^{-3}(r_0-c)`, ``delta_over_bound``
    the mean of :math:`(\Delta-c)/(B-c)`.

    Args:
        attacks: the pair's rows as the attack wrote them.
        measures: what was measured on them.
    """
    pair, first = measures.pair, attacks[0]
    area, worst = measures.area, measures.area_worst
    numbers = {
        **_objective(attacks),
        "reconstruction_error": pair.target_reconstruction_error
        / max(pair.norm(pair.target).item(), np.finfo(np.float64).tiny),
        "delta_mean": _mean(attacks, "delta"),
        "bound_mean": _mean(attacks, "bound"),
        "nll_target": _mean(measures.rows, "nll_target"),
        "target_error": _mean(measures.rows, "target_error"),
        "distance": _mean(attacks, "distance"),
        "distance_relative": _mean(measures.rows, "distance_relative"),
        "unconverged_share": float(np.mean([_ended_by(row) == _EXHAUSTED for row in attacks])),
        "auddc": area.value if area else None,
        "auddc_worst": worst.value if worst else None,
    }
    of_rows = {}
    for row in measures.budget_rows:
        numbers[f"gap@{row['epsilon']:g}"] = row["gap"]
        numbers[f"blend_gap@{row['epsilon']:g}"] = row["blend_gap"]
        of_rows[f"gap_of_rows@{row['epsilon']:g}"] = row["gap_of_rows"]
    return {
        "pair": first["pair"],
        "input_index": first["input_index"],
        "target_index": first["target_index"],
        "image_distance": pair.image_distance,
        "told_apart": pair.told_apart,
        "told_apart_distortion": pair.told_apart_distortion,
        "target_reconstruction_error": pair.target_reconstruction_error,
        "auddc_dropped": area.dropped if area else 0,
        **of_rows,
        **{name: numbers.get(name) for name in MEASURES},
    }


def _ended_by(row: Row) -> str:
    """How the attack by itself ended; suites of before it was stored know the control's word."""
    status: str = row.get("status_attack") or row["status"]
    return status


def _objective(attacks: Sequence[Row]) -> Row:
    """Means of the attack's objective above the loss's floor; nothing for a loss without one."""
    first = attacks[0]
    if first["divergence_floor"] is None:
        return {}
    delta, bound, divergence = (
        _above_floor(attacks, name) for name in ("delta", "bound", "divergence")
    )
    start = max(first["divergence_start"] - first["divergence_floor"], 0.0)
    ratios = [_ratio(d, b) for d, b in zip(delta, bound, strict=True)]
    return {
        "divergence_ratio": _mean(attacks, "divergence_ratio"),
        "delta_over_bound": float(np.mean(ratios)),
        "delta": shifted_geometric_mean(delta),
        "bound": shifted_geometric_mean(bound),
        "divergence": shifted_geometric_mean(divergence, _SHIFT * start),
        "divergence_start": start,
    }


def says_something(pair: Row, measure: str) -> bool:
    """Whether a pair counts for a measure: gaps and areas need a pair that is told apart."""
    needed = _NEEDS.get(measure.split("@")[0])
    return needed is None or bool(pair[needed])


def summarise(
    pairs: Sequence[Row], flags: Sequence[Row] = (), *, budgeted: bool = True, seed: int = 0
) -> Row:
    """The summary of a suite: every measure over pairs with its interval, and the flags.

    Pairs the model cannot tell apart are counted, and left out of gaps and areas only.

    Args:
        pairs: one row a pair, from `pair_row`.
        flags: the suite's validity flags, carried wherever the numbers are shown.
        budgeted: whether budgeted attacks were among what gaps are the smallest of.
        seed: seed of the bootstrap.
    """
    measures = {}
    for name, (kind, unit) in MEASURES.items():
        told = [pair[name] for pair in pairs if says_something(pair, name)]
        values = [value for value in told if value is not None]
        measures[name] = {**asdict(estimate(values, kind, seed=seed)), "unit": unit}
    return {
        "pairs": len(pairs),
        "pairs_told_apart": sum(pair["told_apart"] for pair in pairs),
        "pairs_told_apart_distortion": sum(pair["told_apart_distortion"] for pair in pairs),
        "attacks_beyond_target": sum(pair["auddc_dropped"] for pair in pairs),
        "gap_is": _GAP_IS + (", budgeted attacks" if budgeted else ""),
        "measures": measures,
        "flags": list(flags),
    }


def _above_floor(rows: Sequence[Row], name: str) -> list[float]:
    """Values minus the greatest lower bound; rounding can put a KL of 0 a little below it."""
    return [max(row[name] - row["divergence_floor"], 0.0) for row in rows]


def _ratio(delta: float, bound: float) -> float:
    """Δ/B; where nothing can be gained the attack is no better than doing nothing, which is 1."""
    return delta / bound if bound > 0 else 1.0


def _mean(rows: Sequence[Row], name: str) -> float | None:
    """Over rows that have it: a ratio of nothing, as of a loss that is 0 everywhere, is None."""
    known = [row[name] for row in rows if row[name] is not None]
    return float(np.mean(known)) if known else None
