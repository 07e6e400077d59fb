"""Doubts: which numbers each raised check and each raised flag speaks against."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from seatbelt_vae.runs.audit_document import Audit

__all__ = ["Doubt", "all_doubts", "doubts_about"]

_OF_THE_GAP = frozenset(
    {"gap", "psnr_input", "ssim_input", "psnr_output", "ssim_output", "code_shift"}
    | {"tokens_changed", "survival_jpeg", "survival_resize", "survival_noise"}
)
"""The metrics that are measured on the worst inputs of the gap."""

_ABOUT: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "gap not converged": _OF_THE_GAP,
        "code gap not converged": frozenset({"code_gap"}),
        "damage not converged": frozenset({"damage"}),
        "gradient-free search beats the attack": _OF_THE_GAP,
        "noise beats the attack": _OF_THE_GAP | {"code_gap", "damage"},
        "pairs not told apart": _OF_THE_GAP | {"code_gap"},
        "few pairs": _OF_THE_GAP | {"code_gap", "damage"},
    }
)
"""The metrics that a flag doubts, without their budget; any other flag doubts all."""


@dataclass(frozen=True)
class Doubt:
    """A raised check or flag.

    Args:
        number: its 1-based number on the page.
        name: its id.
        severity: ``inconclusive`` or ``warning``.
        detail: the number behind it.
        do: the remedy.
        about: the doubted metrics; None for all.
    """

    number: int
    name: str
    severity: str
    detail: str
    do: str
    about: frozenset[str] | None


def all_doubts(audit: Audit) -> list[Doubt]:
    """The raised checks, then the raised flags, numbered."""
    raised = [
        *((c.id, "inconclusive", c.problem, c.do, None) for c in audit.checks if c.raised),
        *((f.id, f.severity, f.detail, f.do, _ABOUT.get(f.id)) for f in audit.flags if f.raised),
    ]
    return [Doubt(number, *rest) for number, rest in enumerate(raised, start=1)]


def doubts_about(audit: Audit, *metrics: str) -> list[Doubt]:
    """The doubts about any of these metrics, named with or without their budget."""
    names = {metric.partition("@")[0] for metric in metrics}
    return [d for d in all_doubts(audit) if d.about is None or d.about & names]
