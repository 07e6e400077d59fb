"""The content of ``audit.json``: numbers, checks, flags and verdict of one audit.

`audit.schema.json` in this folder is its JSON Schema. Values that do not exist are null.
"""

import json
from dataclasses import asdict, dataclass
from importlib.resources import files as package_files
from pathlib import Path
from typing import Any, Literal, get_args

from seatbelt_vae.config.checks import one_of
from seatbelt_vae.config.toml import from_dict
from seatbelt_vae.errors import ArtifactError, ConfigError
from seatbelt_vae.runs.audit_answers import (
    AuditedClass,
    Classifier,
    Defence,
    End,
    Placement,
    Result,
    Score,
    Survival,
    Universal,
    WeakInput,
)
from seatbelt_vae.runs.checked_files import checked_table
from seatbelt_vae.runs.json_files import finite, write_json

__all__ = [
    "AUDIT",
    "AUDIT_FOLDER",
    "SCHEMA_VERSION",
    "Audit",
    "AuditFlag",
    "AuditedData",
    "Check",
    "Environment",
    "Files",
    "RuleOutcome",
    "Status",
    "Target",
    "ThreatBudgets",
    "Tool",
    "Verdict",
    "audit_schema",
    "read_audit",
    "write_audit",
]

AUDIT = "audit.json"

AUDIT_FOLDER = "audit"
"""Folder of an audit in the folder of a run or another subject."""

SCHEMA_VERSION = 1
"""Version of `audit.json`: it increases when a key is renamed, removed or changes its meaning."""

ThreatName = Literal["l2", "linf", "sd"]
Severity = Literal["inconclusive", "warning"]
Status = Literal["pass", "fail", "inconclusive"]
Fooled = Literal["fooled", "partly fooled", "not fooled"]


@dataclass(frozen=True)
class Tool:
    """The program that made the audit."""

    name: str
    version: str


@dataclass(frozen=True)
class Target:
    """The audited model; see `Subject.about`.

    Args:
        name, kind, source, digest: name, kind of target, its path or reference, digest of weights.
        event_shape: shape of an input.
        latent_sizes: codes per layer, the layer next to the data first.
        bounds: smallest and largest value of an input, numbers or nested tuples that broadcast to
            it, such as one value per channel; None without bounds.
        capabilities: see `Capabilities`.
        assumptions: how the adapter reads the model.
        parameters: number of parameters, if known.
    """

    name: str
    kind: str
    source: str
    digest: str
    event_shape: tuple[int, ...]
    latent_sizes: tuple[int, ...]
    bounds: tuple[End, End] | None
    capabilities: dict[str, Any]
    assumptions: dict[str, Any]
    parameters: int | None


@dataclass(frozen=True)
class AuditedData:
    """The data set: its name, the number of its images, and a digest of them."""

    name: str
    images: int
    digest: str


@dataclass(frozen=True)
class ThreatBudgets:
    """A threat and its budgets.

    Args:
        name: ``l2``, ``linf``, or ``sd`` for L∞ in standard deviations.
        unit: unit of the budgets.
        budgets: ascending, as in the names of the metrics: ``0.2`` or ``8/255``.
    """

    name: ThreatName
    unit: str
    budgets: tuple[str, ...]

    def __post_init__(self) -> None:
        one_of("threat", self.name, get_args(ThreatName))


@dataclass(frozen=True)
class Check:
    """A check of the adapter on images, made before the attack; see `check_on_images`.

    Args:
        id: name of the check.
        value, limit: the measured value, and the largest one that raises no doubt.
        raised: whether the value is above the limit, or not a number.
        problem, do: the meaning of a larger value, and the remedy.
    """

    id: str
    value: float | None
    limit: float | None
    raised: bool
    problem: str
    do: str


@dataclass(frozen=True)
class AuditFlag:
    """A validity flag.

    Args:
        id: its name.
        severity: ``inconclusive`` if the flag withholds the verdict when it is raised.
        raised: whether the condition holds.
        raised_if: the condition.
        detail: the numbers that the condition compares.
        do: the remedy.
    """

    id: str
    severity: Severity
    raised: bool
    raised_if: str
    detail: str
    do: str

    def __post_init__(self) -> None:
        one_of("severity", self.severity, get_args(Severity))


@dataclass(frozen=True)
class RuleOutcome:
    """A rule, the value of its metric, and whether the rule is true; None without a value."""

    rule: str
    metric: str
    value: float | None
    limit: float
    holds: bool | None


@dataclass(frozen=True)
class Verdict:
    """The verdict of an audit.

    Args:
        status: ``pass``, ``fail`` or ``inconclusive``.
        finding: ``fooled``, ``partly fooled`` or ``not fooled``; None if it is not known.
        sentence: both in plain English.
        rules: one entry per rule.
    """

    status: Status
    finding: Fooled | None
    sentence: str
    rules: tuple[RuleOutcome, ...] = ()

    def __post_init__(self) -> None:
        one_of("status", self.status, get_args(Status))
        if self.finding is not None:
            one_of("finding", self.finding, get_args(Fooled))


@dataclass(frozen=True)
class Files:
    """Paths relative to ``audit.json``; None for a file that was not written."""

    rows: str | None = None
    winners: str | None = None
    report: str | None = None


@dataclass(frozen=True)
class Environment:
    """Versions and hardware."""

    python: str
    torch: str
    platform: str
    threads: int
    device: str


@dataclass(frozen=True, kw_only=True)
class Audit:
    """One audit, as in ``audit.json``.

    Args:
        settings: the settings of the audit.
        weakest: the worst eight pairs of ``gap@0.2``.
        command: the command that repeats the audit.
        duration_s: seconds, in all.
    """

    schema_version: int = SCHEMA_VERSION
    tool: Tool
    target: Target
    data: AuditedData
    settings: dict[str, Any]
    threats: tuple[ThreatBudgets, ...]
    results: tuple[Result, ...]
    weakest: tuple[WeakInput, ...]
    classes: tuple[AuditedClass, ...]
    universal: Universal | None
    survival: tuple[Survival, ...]
    classifier: Classifier | None
    score: Score | None
    placement: Placement | None
    checks: tuple[Check, ...]
    flags: tuple[AuditFlag, ...]
    verdict: Verdict
    files: Files
    environment: Environment
    command: str
    duration_s: float
    defence: Defence | None = None

    @property
    def believable(self) -> bool:
        """Whether no check is raised, and no flag that withholds the verdict."""
        flags = (flag.raised and flag.severity == "inconclusive" for flag in self.flags)
        return not any(check.raised for check in self.checks) and not any(flags)

    def result(self, metric: str) -> Result | None:
        """The result with this name, if the audit has it."""
        return next((result for result in self.results if result.metric == metric), None)


def write_audit(path: Path, audit: Audit) -> None:
    """Write an audit as JSON atomically; numbers that are not finite become null."""
    write_json(path, finite(asdict(audit)))


def read_audit(path: Path) -> Audit:
    """Read an ``audit.json``.

    Raises:
        ArtifactError: missing, damaged, of another schema version, or with a number that is not
            finite.
        UnreadableError: the system does not let this process read it.
    """
    content = checked_table(path)
    found = content.get("schema_version")
    if found != SCHEMA_VERSION or type(found) is not int:
        raise ArtifactError(
            f"{path} has schema_version {found!r}, this version reads {SCHEMA_VERSION}: use the "
            f"version that wrote it, or audit again"
        )
    try:
        if finite(content) != content:
            raise ConfigError("a number is not finite")
        return from_dict(Audit, content)
    except (ConfigError, RecursionError) as error:
        raise ArtifactError(f"{path} is damaged ({error}): restore it, or audit again") from None


def audit_schema() -> dict[str, Any]:
    """The JSON Schema of ``audit.json`` (draft 2020-12)."""
    text = package_files("seatbelt_vae.runs").joinpath("audit.schema.json").read_text("utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema
