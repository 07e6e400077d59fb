"""One row per attacked pair, and the summary of a suite over its pairs.

Rows are averaged within their pair before the mean over pairs, so every pair has the same weight
whatever its number of levels.
"""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from seatbelt_vae.evaluation.bootstrap import estimate
from seatbelt_vae.evaluation.measures import PAIR_MEASURES
from seatbelt_vae.evaluation.robustness import PairMeasures

__all__ = ["pair_row", "summarise"]

Row = dict[str, Any]

_GAP_IS = "upper bound: stored rows, the same shortened, the blend"


def pair_row(attacks: Sequence[Row], measures: PairMeasures) -> Row:
    """The row of a pair: its images, and every `PairMeasure`.

    Args:
        attacks: the rows of the pair that the attack wrote.
        measures: the measurements of these rows.
    """
    pair, first, area = measures.pair, attacks[0], measures.area
    return {
        "pair": first["pair"],
        "input_index": first["input_index"],
        "target_index": first["target_index"],
        "image_distance": pair.image_distance,
        "told_apart": pair.gap_is_defined,
        "told_apart_distortion": pair.distortion_is_defined,
        "target_reconstruction_error": pair.target_reconstruction_error,
        "auddc_dropped": area.dropped if area else 0,
        **{f"gap_of_rows@{row['epsilon']:g}": row["gap_of_rows"] for row in measures.budget_rows},
        **{name: measure.compute(attacks, measures) for name, measure in PAIR_MEASURES.items()},
    }


def summarise(
    pairs: Sequence[Row], flags: Sequence[Row] = (), *, budgeted: bool = True, seed: int = 0
) -> Row:
    """The summary of a suite: the mean over pairs of each `PairMeasure`, its interval, the flags.

    Pairs that do not meet the needs of a measure, such as ``told_apart``, are left out of it.

    Args:
        pairs: one row per pair, from `pair_row`.
        flags: the suite's validity flags.
        budgeted: whether budgeted attacks were among the candidates of the gaps.
        seed: seed of the bootstrap.
    """
    measures = {}
    for name, measure in PAIR_MEASURES.items():
        known = [pair.get(name) for pair in pairs if measure.counts(pair)]
        values = [value for value in known if value is not None]
        found = estimate(values, measure.mean, seed=seed)
        measures[name] = {**asdict(found), "unit": measure.unit or "1"}
    return {
        "pairs": len(pairs),
        "pairs_told_apart": sum(pair["told_apart"] for pair in pairs),
        "pairs_told_apart_distortion": sum(pair["told_apart_distortion"] for pair in pairs),
        "attacks_beyond_target": sum(pair["auddc_dropped"] for pair in pairs),
        "gap_is": _GAP_IS + (", budgeted attacks" if budgeted else ""),
        "measures": measures,
        "flags": list(flags),
    }
