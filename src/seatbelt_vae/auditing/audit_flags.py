"""Validity flags of an audit: conditions under which its numbers cannot be believed."""

from collections.abc import Collection, Sequence
from statistics import fmean
from typing import Any

from seatbelt_vae.attacks.diagnostics.flags import FLAGS, NOT_CHECKED
from seatbelt_vae.evaluation.bootstrap import FEWEST
from seatbelt_vae.runs.audit_document import AuditFlag, Check
from seatbelt_vae.subjects import Subject
from seatbelt_vae.subjects.reading_checks import FEWEST_CHECKED

__all__ = ["flags_of", "unchecked_flags"]

Row = dict[str, Any]

_FALLS = {"gap": 0.03, "code_gap": 0.03, "damage": 0.1}
_SEARCH_FALL = 0.01
_TRANSFER_FALL = 0.03
_PATHS = 0.1


def flags_of(
    worst: Sequence[Row], checks: Sequence[Row], decisive: Collection[str]
) -> list[AuditFlag]:
    """Every flag, raised or not, from the rows of all pairs.

    Args:
        worst: one row per pair, threat, budget and goal.
        checks: one row per pair and threat.
        decisive: goals that the verdict rests on; others only warn if they have not converged.
    """
    pairs = len({row["pair"] for row in checks})
    told_apart = {row["pair"]: row["told_apart"] for row in worst}
    alike = sum(not apart for apart in told_apart.values())
    return [
        _counted("encoder not repeatable", [not row["repeatable"] for row in checks]),
        _counted("gradient not usable", [not row["gradient_usable"] for row in checks]),
        *(_not_converged(goal, checks, goal in decisive) for goal in _FALLS),
        _search_by_values(checks),
        *_transfer(checks),
        _counted("noise beats the attack", [row["noise_wins"] > 0 for row in checks]),
        _paths_differ(checks),
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


def unchecked_flags(subject: Subject, checks: Sequence[Check]) -> list[AuditFlag]:
    """The flag of a foreign model whose reading was not checked; none if it was."""
    if checks or subject.states_its_reading:
        return []
    return [
        AuditFlag(
            "reading not checked",
            "inconclusive",
            True,
            f"fewer than {FEWEST_CHECKED} images, which the checks of a reading need",
            "a wrong reading of the model is not found",
            f"give at least {FEWEST_CHECKED} images",
        )
    ]


def _paths_differ(checks: Sequence[Row]) -> AuditFlag:
    known = [off for row in checks if (off := row.get("path_difference")) is not None]
    off, meaning = fmean(known) if known else 0.0, FLAGS["paths differ"]
    detail = f"sampled and mean gaps differ by {off:.2g}" if known else NOT_CHECKED
    do = "read the gap as that of posterior means; codes that are drawn move otherwise"
    return AuditFlag("paths differ", "warning", off > _PATHS, meaning.raised_if, detail, do)


def _counted(name: str, raised: Sequence[bool]) -> AuditFlag:
    meaning = FLAGS[name]
    detail = f"{sum(raised)} of {len(raised)} attacks"
    return AuditFlag(name, "inconclusive", any(raised), meaning.raised_if, detail, meaning.do)


def _not_converged(goal: str, checks: Sequence[Row], decisive: bool) -> AuditFlag:
    known = [fall for row in checks if (fall := row.get(f"fall_{goal}")) is not None]
    worst, limit = max(known, default=0.0), _FALLS[goal]
    change = "raise" if goal == "damage" else "lower"
    text = f"{limit:.0%}" if goal == "damage" else f"{limit}"
    return AuditFlag(
        f"{goal.replace('_', ' ')} not converged",
        "inconclusive" if decisive else "warning",
        worst > limit,
        f"attacks from new starts {change} it by more than {text} for some pair",
        f"largest change {worst:.2g}" if known else NOT_CHECKED,
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
        "raise effort, and gradient_free if the flag stays; do not call the model robust",
    )


def _transfer(checks: Sequence[Row]) -> list[AuditFlag]:
    """The flag of a defence that misleads attacks on it alone; none without a defence."""
    falls = [fall for row in checks if (fall := row.get("transfer_fall")) is not None]
    if not falls:
        return []
    masked = sum(fall > _TRANSFER_FALL for fall in falls)
    return [
        AuditFlag(
            "transfer beats the attack",
            "inconclusive" if 2 * masked > len(falls) else "warning",
            masked > 0,
            f"attacks with solutions or gradients of the undefended model lower a gap by more than "
            f"{_TRANSFER_FALL}",
            f"{masked} of {len(falls)} attacks, largest fall {max(falls):.2g}",
            "do not believe attacks through this defence alone: its gradient is masked",
        )
    ]
