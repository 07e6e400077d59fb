"""Validity flags of an audit: conditions under which its numbers cannot be believed."""

from collections.abc import Sequence
from typing import Any

from seatbelt_vae.attacks.diagnostics.flags import FLAGS, NOT_CHECKED
from seatbelt_vae.evaluation.bootstrap import FEWEST
from seatbelt_vae.runs.audit_document import AuditFlag

__all__ = ["flags_of"]

Row = dict[str, Any]

_FALL = 0.03
_DAMAGE_FALL = 0.1
_SEARCH_FALL = 0.01
_PATHS = 0.1


def flags_of(worst: Sequence[Row], checks: Sequence[Row]) -> list[AuditFlag]:
    """Every flag, raised or not, from the rows of all pairs.

    Args:
        worst: one row per pair, threat, budget and goal.
        checks: one row per pair and threat.
    """
    pairs = len({row["pair"] for row in checks})
    told_apart = {row["pair"]: row["told_apart"] for row in worst}
    alike = sum(not apart for apart in told_apart.values())
    return [
        _counted("encoder not repeatable", [not row["repeatable"] for row in checks]),
        _counted("gradient not usable", [not row["gradient_usable"] for row in checks]),
        _not_converged(checks),
        _search_by_values(checks),
        _counted("noise beats the attack", [row["noise_wins"] > 0 for row in checks]),
        AuditFlag(
            "pairs not told apart",
            "inconclusive" if 2 * alike > pairs else "warning",
            alike > 0,
            FLAGS["pairs not told apart"].raised_if,
            f"{alike} of {pairs} pairs",
            FLAGS["pairs not told apart"].do,
        ),
        AuditFlag(
            "few pairs",
            "warning",
            pairs - alike < FEWEST,
            f"fewer than {FEWEST} pairs are told apart",
            f"{pairs - alike} pairs",
            "give more images, or raise pairs: there are no intervals",
        ),
    ]


def _counted(name: str, raised: Sequence[bool]) -> AuditFlag:
    meaning = FLAGS[name]
    detail = f"{sum(raised)} of {len(raised)} attacks"
    return AuditFlag(name, "inconclusive", any(raised), meaning.raised_if, detail, meaning.do)


def _not_converged(checks: Sequence[Row]) -> AuditFlag:
    limits = {"gap": _FALL, "code_gap": _FALL, "damage": _DAMAGE_FALL}
    falls = {
        goal: max((row[f"fall_{goal}"] for row in checks if row.get(f"fall_{goal}")), default=0.0)
        for goal in limits
    }
    text = ", ".join(f"{goal} by {fall:.2g}" for goal, fall in falls.items())
    return AuditFlag(
        "not converged",
        "inconclusive",
        any(fall > limits[goal] for goal, fall in falls.items()),
        f"attacks from new starts lower gap or code gap by more than {_FALL}, or raise damage by "
        f"more than {_DAMAGE_FALL:.0%}",
        f"largest change: {text}",
        "raise effort until the flag clears",
    )


def _search_by_values(checks: Sequence[Row]) -> AuditFlag:
    known = [fall for row in checks if (fall := row["gradient_free_fall"]) is not None]
    worst = max(known, default=0.0)
    return AuditFlag(
        "gradient-free search beats the attack",
        "inconclusive",
        worst > _SEARCH_FALL,
        f"a search by values only lowers a gap by more than {_SEARCH_FALL}",
        f"largest fall {worst:.2g}" if known else NOT_CHECKED,
        FLAGS["gradient-free search beats the attack"].do,
    )
