"""`audit`: check that a model is read as it was meant, attack it, and give a verdict."""

import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import torch

import seatbelt_vae
from seatbelt_vae.audit.answers import UNIVERSAL_IMAGES, survival_results, universal_results
from seatbelt_vae.audit.audit_flags import flags_of
from seatbelt_vae.audit.audited_images import AuditedImages, audited_images
from seatbelt_vae.audit.metrics import metrics_by_name
from seatbelt_vae.audit.pair_store import AuditedPairs, attack_pairs
from seatbelt_vae.audit.results import metric_name, results_of
from seatbelt_vae.audit.rules import read_rules
from seatbelt_vae.audit.verdict import HEADLINE, verdict_of
from seatbelt_vae.config.audit import AuditConfig
from seatbelt_vae.data import ImageData
from seatbelt_vae.protocol import bounds_of, capabilities_of, event_shape_of, modules_of
from seatbelt_vae.runs.audit_answers import AuditedClass, Result, Survival, Universal, WeakInput
from seatbelt_vae.runs.audit_document import (
    AUDIT,
    Audit,
    AuditedData,
    Check,
    Environment,
    Files,
    Target,
    ThreatBudgets,
    Tool,
    write_audit,
)
from seatbelt_vae.subjects import Subject
from seatbelt_vae.testing import check_on_images

__all__ = ["audit", "checks_of"]

_CHECKED, _FEWEST_CHECKED = 64, 8
_WEAKEST = 8
_TRANSFORMATIONS = {
    "survival_jpeg": "JPEG of quality 75",
    "survival_resize": "half the size and back",
    "survival_noise": "noise of 0.05",
}
_UNITS = {"l2": "‖x_t − x‖₂", "linf": "range of an input"}

OnProgress = Callable[[str, int, int], None]


def audit(
    subject: Subject,
    data: ImageData,
    config: AuditConfig | None = None,
    *,
    rules: Sequence[str] = (),
    command: str = "",
    on_progress: OnProgress = lambda *_: None,
) -> Audit:
    """Audit a subject on images: how small a distortion fools it, and can the number be believed?

    The folder ``audit/`` of the subject gets ``audit.json``, ``report.html`` and the rows of every
    pair; an interrupted audit goes on where it stopped.

    Args:
        subject: the model, and the folder of its results.
        data: the images; a run is audited on its held-out images, another model on all.
        config: pairs, budgets, losses and effort.
        rules: conditions that fail the audit, such as ``gap@0.2 < 0.5``.
        command: the command that repeats the audit, for the report.
        on_progress: called with the activity, the work done, and the work in all.

    Raises:
        ConfigError: a rule about a metric that the audit will not measure, or a subject without a
            folder.
        DataError: too few images.
        ForeignStateError: the folder holds an audit of another model, images or settings.
        ModelError: the model violates the protocol.
    """
    began, config = time.monotonic(), config or AuditConfig()
    images = audited_images(subject, data, config)
    named = metrics_by_name(config.budgets, config.linf_budgets)
    read = read_rules(rules, named, offered_by(subject))
    checks = checks_of(subject, images)
    folder = subject.place / "audit"
    pairs = attack_pairs(
        folder, subject, images, config, lambda *done: on_progress("attacking", *done)
    )
    model = subject.for_inference
    on_progress("universal distortion", 0, 1)
    universal = universal_results(folder, model, images, config)
    survived = survival_results(model, pairs, images, config)
    results = [*results_of(pairs.worst, config.seed), *universal, *survived]
    decisive = {"gap", *(rule.metric.partition("@")[0] for rule in read)}
    flags = flags_of(pairs.worst, pairs.checks, decisive)
    found = Audit(
        tool=Tool("seatbelt-vae", seatbelt_vae.__version__),
        target=_target(subject),
        data=AuditedData(images.data.name, len(images.data.test), images.data.identity),
        settings=asdict(config),
        threats=_threats(config),
        results=tuple(results),
        weakest=_weakest(pairs, images),
        classes=_classes(pairs, images),
        universal=_universal(universal, images),
        survival=tuple(Survival(_TRANSFORMATIONS[r.goal], r.metric) for r in survived),
        classifier=None,
        score=None,
        placement=None,
        checks=tuple(checks),
        flags=tuple(flags),
        verdict=verdict_of(results, checks, flags, read),
        files=Files("rows", "worst"),
        environment=_environment(subject),
        command=command,
        duration_s=round(time.monotonic() - began, 1),
    )
    write_audit(folder / AUDIT, found)
    return found


def offered_by(subject: Subject) -> frozenset[str]:
    """The needs of metrics that a model meets, see `metrics.NEEDS`."""
    has = capabilities_of(subject.model)
    met = {
        "codes": has.codes,
        "posterior": has.posterior,
        "images": len(event_shape_of(subject.model)) == 3,
        "tokens": hasattr(subject.model, "tokens"),
    }
    return frozenset(name for name, holds in met.items() if holds)


def checks_of(subject: Subject, images: AuditedImages) -> list[Check]:
    """Whether the model is read as it was meant; see `check_on_images`."""
    count = min(len(images.data.test), _CHECKED)
    if count < _FEWEST_CHECKED:
        return []
    found = check_on_images(subject.model, images.data.test.batch(np.arange(count)))
    return [
        Check(each.name, each.value, each.limit, each.raised, each.problem, each.remedy)
        for each in found
    ]


def _target(subject: Subject) -> Target:
    about = subject.about()
    low, high = bounds_of(subject.model)
    parameters = sum(w.numel() for m in modules_of(subject.model) for w in m.parameters())
    return Target(
        name=subject.name,
        kind=subject.kind,
        source=subject.source,
        digest=subject.digest,
        event_shape=tuple(event_shape_of(subject.model)),
        latent_sizes=tuple(subject.model.latent_sizes),
        bounds=None
        if about["bounds"] is None
        else (float(torch.as_tensor(low).min()), float(torch.as_tensor(high).max())),
        capabilities=about["capabilities"],
        assumptions=about["assumptions"],
        parameters=parameters or None,
    )


def _threats(config: AuditConfig) -> tuple[ThreatBudgets, ...]:
    return tuple(
        ThreatBudgets(
            threat,
            _UNITS[threat],
            tuple(metric_name("", threat, budget).removeprefix("@") for budget in budgets),
        )
        for threat, budgets in config.threats.items()
    )


def _headline_rows(pairs: AuditedPairs) -> list[dict[str, Any]]:
    """The worst case of the headline metric of every pair that the model tells apart."""
    return [
        row
        for row in pairs.worst
        if metric_name(row["goal"], row["threat"], row["epsilon"]) == HEADLINE and row["told_apart"]
    ]


def _weakest(pairs: AuditedPairs, images: AuditedImages) -> tuple[WeakInput, ...]:
    rows = sorted(_headline_rows(pairs), key=lambda row: float(row["value"]))[:_WEAKEST]
    return tuple(
        WeakInput(
            row["pair"],
            row["input_index"],
            row["target_index"],
            images.class_of(row["input_index"]),
            row["value"],
        )
        for row in rows
    )


def _classes(pairs: AuditedPairs, images: AuditedImages) -> tuple[AuditedClass, ...]:
    """The headline metric by class of the input, weakest first; empty without classes."""
    by_class: dict[str, list[float]] = {}
    for row in _headline_rows(pairs):
        label = images.class_of(row["input_index"])
        if label is not None:
            by_class.setdefault(label, []).append(row["value"])
    found = [AuditedClass(name, len(v), sum(v) / len(v)) for name, v in by_class.items()]
    return tuple(sorted(found, key=lambda each: each.value or 0.0))


def _universal(results: Sequence[Result], images: AuditedImages) -> Universal:
    first, used = results[0], min(UNIVERSAL_IMAGES, len(images.references))
    file = f"universal/{first.threat}.safetensors"
    return Universal(first.metric, -(-used // 2), used // 2, file)


def _environment(subject: Subject) -> Environment:
    weight = next((w for m in modules_of(subject.model) for w in m.parameters()), None)
    return Environment(
        python=platform.python_version(),
        torch=torch.__version__,
        platform=platform.platform(),
        threads=torch.get_num_threads(),
        device="cpu" if weight is None else weight.device.type,
    )
