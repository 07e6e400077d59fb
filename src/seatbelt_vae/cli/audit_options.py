"""Flags of `audit`; torch is not imported."""

from dataclasses import dataclass, field
from pathlib import Path

from seatbelt_vae.cli.run_options import AGAIN, Output, SubjectFlags
from seatbelt_vae.config.audit import AuditConfig
from seatbelt_vae.config.checks import positive
from seatbelt_vae.errors import ConfigError

__all__ = ["Audit"]


@dataclass(frozen=True, kw_only=True)
class Audit(SubjectFlags):
    """Audit any model: how small a distortion fools it, and can the number be believed?

    The folder's audit/ gets audit.json, report.html and all rows; an unfinished audit is resumed.
    Exit status: 0 pass, 1 a rule of --fail-if is true, 2 inconclusive or failed, 3 the model is not
    supported, 4 wrong usage.

    Args:
        fail_if: a condition that fails the audit, such as "gap@0.2 < 0.5"; may be repeated.
        junit: write one test case per rule to this JUnit XML file.
        check_only: only check that the model is read as it was meant, without an attack.
        despite_checks: attack even if a check says that the model is not read as it was meant; the
            verdict stays inconclusive.
        processes: processes that share the pairs, each with one thread (default: one per core);
            the same command in another shell joins them.
        try_defences: after the audit, audit the model briefly behind each cheap defence at
            inference, and print what each gains and costs, and how long a hardening would take.
    """

    fail_if: tuple[str, ...] = ()
    junit: Path | None = None
    check_only: bool = False
    despite_checks: bool = False
    processes: int | None = None
    try_defences: bool = False
    audit: AuditConfig = field(default_factory=AuditConfig)
    output: Output = field(default_factory=Output)

    def __post_init__(self) -> None:
        if self.processes is not None:
            positive("processes", self.processes)
        if self.try_defences and self.with_ is not None:
            raise ConfigError("try_defences of a model with a defence: leave --with out")

    to_resume = AGAIN
