"""The content of ``audit.json`` from the rows, results, checks and flags of an audit."""

import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, cast

import torch

import seatbelt_vae
from seatbelt_vae.auditing.audited_images import AuditedImages
from seatbelt_vae.auditing.defence_answer import defence_of
from seatbelt_vae.auditing.placement import known_models, placement_of
from seatbelt_vae.auditing.stored_bounds import as_stored
from seatbelt_vae.auditing.threat_budgets import UNITS, metric_name, suffix_of, threats_of
from seatbelt_vae.auditing.verdict import HEADLINE
from seatbelt_vae.config.audit import AuditConfig
from seatbelt_vae.protocol import bounds_of, event_shape_of, modules_of
from seatbelt_vae.runs.audit_answers import (
    AuditedClass,
    Classifier,
    Result,
    Score,
    Survival,
    Universal,
    WeakInput,
)
from seatbelt_vae.runs.audit_document import (
    Audit,
    AuditedData,
    AuditFlag,
    Check,
    Environment,
    Files,
    Target,
    ThreatBudgets,
    ThreatName,
    Tool,
    Verdict,
)
from seatbelt_vae.subjects import Subject

__all__ = ["Measured", "document_of"]

Row = dict[str, Any]

_WEAKEST = 8
_TRANSFORMATIONS = {
    "survival_jpeg": "JPEG of quality 75",
    "survival_resize": "half the size and back",
    "survival_noise": "noise of 0.05",
}


@dataclass(frozen=True)
class Measured:
    """Everything that an audit measured; empty without an attack.

    Args:
        results: the metrics.
        worst: the worst case of every pair, goal and budget.
        universal: the images that a universal distortion was fitted to and measured on.
        classifier, score: the owner's functions, if given.
    """

    results: tuple[Result, ...] = ()
    worst: tuple[Row, ...] = ()
    universal: tuple[int, int] | None = None
    classifier: Classifier | None = None
    score: Score | None = None


def document_of(
    subject: Subject,
    images: AuditedImages,
    config: AuditConfig,
    measured: Measured,
    checks: Sequence[Check],
    flags: Sequence[AuditFlag],
    verdict: Verdict,
    command: str,
    duration: float,
) -> Audit:
    """The audit as one document."""
    survived = (r for r in measured.results if r.goal in _TRANSFORMATIONS)
    attacked = bool(measured.worst)
    return Audit(
        tool=Tool("seatbelt-vae", seatbelt_vae.__version__),
        target=_target(subject),
        data=AuditedData(images.data.name, len(images.data.test), images.data.identity),
        settings=asdict(config),
        threats=_threats(subject, config),
        results=measured.results,
        weakest=_weakest(measured.worst, images),
        classes=_classes(measured.worst, images),
        universal=_universal(measured),
        survival=tuple(Survival(_TRANSFORMATIONS[r.goal], r.metric) for r in survived),
        classifier=measured.classifier,
        score=measured.score,
        placement=placement_of(measured.results, checks, known_models()),
        checks=tuple(checks),
        flags=tuple(flags),
        verdict=verdict,
        files=Files("rows", "worst", "report.html") if attacked else Files(report="report.html"),
        environment=_environment(subject),
        command=command,
        duration_s=round(duration, 1),
        defence=defence_of(subject, images, measured.worst),
    )


def _target(subject: Subject) -> Target:
    about = subject.about()
    weights = [w for module in modules_of(subject.model) for w in module.parameters()]
    return Target(
        name=subject.name,
        kind=subject.kind,
        source=subject.source,
        digest=subject.digest,
        event_shape=tuple(event_shape_of(subject.model)),
        latent_sizes=tuple(subject.model.latent_sizes),
        bounds=as_stored(bounds_of(subject.model)),
        capabilities=about["capabilities"],
        assumptions=about["assumptions"],
        parameters=sum(w.numel() for w in weights) or None,
    )


def _threats(subject: Subject, config: AuditConfig) -> tuple[ThreatBudgets, ...]:
    found = threats_of(config, event_shape_of(subject.model))
    return tuple(
        ThreatBudgets(
            cast(ThreatName, threat), UNITS[threat], tuple(suffix_of(threat, b) for b in budgets)
        )
        for threat, budgets in found.items()
    )


def _headline_rows(worst: Sequence[Row]) -> list[Row]:
    """The worst case of the headline metric of every pair that the model tells apart."""
    return [
        row
        for row in worst
        if metric_name(row["goal"], row["threat"], row["epsilon"]) == HEADLINE and row["told_apart"]
    ]


def _weakest(worst: Sequence[Row], images: AuditedImages) -> tuple[WeakInput, ...]:
    rows = sorted(_headline_rows(worst), key=lambda row: float(row["value"]))[:_WEAKEST]
    return tuple(
        WeakInput(
            row["pair"],
            row["input_index"],
            row["target_index"],
            images.class_of(row["input_index"]),
            row["value"],
            images.data.test.name(row["input_index"]),
            images.data.test.name(row["target_index"]),
        )
        for row in rows
    )


def _classes(worst: Sequence[Row], images: AuditedImages) -> tuple[AuditedClass, ...]:
    """The headline metric by class of the input, weakest first; empty without classes."""
    by_class: dict[str, list[float]] = {}
    for row in _headline_rows(worst):
        label = images.class_of(row["input_index"])
        if label is not None:
            by_class.setdefault(label, []).append(row["value"])
    found = [AuditedClass(name, len(v), sum(v) / len(v)) for name, v in by_class.items()]
    return tuple(sorted(found, key=lambda each: each.value or 0.0))


def _universal(measured: Measured) -> Universal | None:
    first = next((r for r in measured.results if r.goal == "universal_damage"), None)
    if first is None or measured.universal is None:
        return None
    return Universal(first.metric, *measured.universal, f"universal/{first.threat}.safetensors")


def _environment(subject: Subject) -> Environment:
    weight = next((w for m in modules_of(subject.model) for w in m.parameters()), None)
    return Environment(
        python=platform.python_version(),
        torch=torch.__version__,
        platform=platform.platform(),
        threads=torch.get_num_threads(),
        device="cpu" if weight is None else weight.device.type,
    )
