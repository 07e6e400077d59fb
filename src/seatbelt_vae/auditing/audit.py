"""`audit`: check that a model is read as it was meant, attack it, and give a verdict."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from seatbelt_vae.auditing.adapter_checks import adapter_checks
from seatbelt_vae.auditing.answers import UNIVERSAL_IMAGES, survival_results, universal_results
from seatbelt_vae.auditing.audit_flags import flags_of
from seatbelt_vae.auditing.audited_images import AuditedImages, audited_images
from seatbelt_vae.auditing.document import Measured, document_of
from seatbelt_vae.auditing.metrics import metrics_by_name
from seatbelt_vae.auditing.page import write_audit_report
from seatbelt_vae.auditing.pair_store import attack_pairs
from seatbelt_vae.auditing.results import results_of
from seatbelt_vae.auditing.rules import Rule, read_rules
from seatbelt_vae.auditing.verdict import verdict_of
from seatbelt_vae.config.audit import AuditConfig
from seatbelt_vae.data import ImageData
from seatbelt_vae.protocol import capabilities_of, event_shape_of
from seatbelt_vae.runs.audit_document import AUDIT, Audit, AuditFlag, write_audit
from seatbelt_vae.subjects import Subject

__all__ = ["audit"]

OnProgress = Callable[[str, int, int], None]


def audit(
    subject: Subject,
    data: ImageData,
    config: AuditConfig | None = None,
    *,
    rules: Sequence[str] = (),
    despite_checks: bool = False,
    command: str = "",
    on_progress: OnProgress = lambda *_: None,
) -> Audit:
    """Audit a subject on images: how small a distortion fools it, and can the number be believed?

    The folder ``audit/`` of the subject gets ``audit.json``, ``report.html`` and the rows of every
    pair; an interrupted audit goes on where it stopped. If a check shows that the model may not be
    read as it was meant, nothing is attacked, and the verdict is inconclusive.

    Args:
        subject: the model, and the folder of its results.
        data: the images; a run is audited on its held-out images, another model on all.
        config: pairs, budgets, losses and effort.
        rules: conditions that fail the audit, such as ``gap@0.2 < 0.5``.
        despite_checks: attack even if a check is raised; the verdict stays inconclusive.
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
    metrics = metrics_by_name(config.budgets, config.linf_budgets)
    read = read_rules(rules, metrics, _offered(subject))
    checks, folder = adapter_checks(subject, images), subject.place / "audit"
    measured, flags = Measured(), list[AuditFlag]()
    if despite_checks or not any(check.raised for check in checks):
        measured, flags = _measure(folder, subject, images, config, read, on_progress)
    verdict = verdict_of(measured.results, checks, flags, read)
    duration = time.monotonic() - began
    found = document_of(
        subject, images, config, measured, checks, flags, verdict, command, duration
    )
    write_audit(folder / AUDIT, found)
    write_audit_report(folder)
    return found


def _measure(
    folder: Path,
    subject: Subject,
    images: AuditedImages,
    config: AuditConfig,
    rules: Sequence[Rule],
    on_progress: OnProgress,
) -> tuple[Measured, list[AuditFlag]]:
    """Attack the pairs, answer the other questions, and raise the flags."""
    model = subject.for_inference
    pairs = attack_pairs(
        folder, subject, images, config, lambda *done: on_progress("attacking", *done)
    )
    on_progress("universal distortion", 0, 1)
    results = [
        *results_of(pairs.worst, config.seed),
        *universal_results(folder, model, images, config),
        *survival_results(model, pairs, images, config),
    ]
    on_progress("universal distortion", 1, 1)
    decisive = {"gap", *(rule.metric.partition("@")[0] for rule in rules)}
    flags = flags_of(pairs.worst, pairs.checks, decisive)
    used = min(UNIVERSAL_IMAGES, len(images.references))
    return Measured(tuple(results), tuple(pairs.worst), (-(-used // 2), used // 2)), flags


def _offered(subject: Subject) -> frozenset[str]:
    """The needs of metrics that a model meets, see `metrics.NEEDS`."""
    has = capabilities_of(subject.model)
    met = {
        "codes": has.codes,
        "posterior": has.posterior,
        "images": len(event_shape_of(subject.model)) == 3,
        "tokens": hasattr(subject.model, "tokens"),
    }
    return frozenset(name for name, holds in met.items() if holds)
