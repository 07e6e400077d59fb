"""SQL expressions, joins and conditions that several figures and claims use."""

from dataclasses import dataclass

__all__ = [
    "AREA",
    "BLEND",
    "COPY",
    "EVALUATED_PAIRS",
    "FIRST_ORDER",
    "GAP",
    "NLL_FLOOR",
    "OVER_LEVELS",
    "OWN_AREA",
    "OWN_GAP",
    "STRENGTHS",
    "SUITE_PAIRS",
    "TRIVIAL",
    "Reference",
    "attack_rows",
]

STRENGTHS = ("paper", "strong")
"""The published attack and the strong one; a figure of attacks is drawn for both."""

GAP = 'CASE WHEN told_apart THEN "gap@0.2" END'
AREA = "CASE WHEN told_apart_distortion THEN auddc_worst END"
"""Gap and AUDDC of pairs that the model tells apart; both are undefined for other pairs."""

FIRST_ORDER = 'CASE WHEN told_apart THEN "first_order_gap@0.2" END'
"""The gap that the encoder's Jacobian explains, over the same pairs."""

OWN_GAP = 'CASE WHEN told_apart THEN "gap_of_rows@0.2" END'
OWN_AREA = "CASE WHEN told_apart_distortion THEN auddc END"
"""The same measures over a suite's own rows, to compare attacks.

Every suite also has budgeted attacks on the reconstruction, which would make all attacks equal.
"""

EVALUATED_PAIRS = "pairs USING (run) JOIN suites USING (run, suite) JOIN evaluations USING (run)"
"""Source of the measures of pairs next to the measures of their model."""

SUITE_PAIRS = "pairs USING (run) JOIN suites USING (run, suite)"
"""Source of the measures of pairs."""

OVER_LEVELS = (
    "(SELECT run, suite, pair, avg(target_distance ORDER BY level) AS target_distance "
    "FROM attacks GROUP BY ALL) AS means USING (run) JOIN suites USING (run, suite)"
)
"""Source of the distance to the target, averaged over the λ of a pair."""


def attack_rows(loss: str = "latent-kl", layers: str = "all") -> str:
    """The SQL condition that selects an attack's rows.

    Example:
        >>> attack_rows("output")
        "loss = 'output' AND layers = 'all'"
    """
    return f"loss = '{loss}' AND layers = '{layers}'"


@dataclass(frozen=True)
class Reference:
    """A value that a measure is compared with, drawn as a thin line from the same rows.

    Args:
        label: the text of the legend.
        value: an SQL expression over the figure's source.
        ceiling: whether a larger measure means that the attack failed.
    """

    label: str
    value: str
    ceiling: bool = False


TRIVIAL = Reference("trivial bound B", "bound_mean", ceiling=True)
BLEND = Reference("blending with the target", 'CASE WHEN told_apart THEN "blend_gap@0.2" END')
COPY = Reference("1 − ε: copying the input", "0.8")
NLL_FLOOR = Reference("its floor, −log p(xₜ|zₜ)", "nll_target - nll_excess")
