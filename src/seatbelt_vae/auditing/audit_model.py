"""`audit`: check that a model is read as it was meant, attack it, and give a verdict."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from seatbelt_vae.auditing.adapter_checks import adapter_checks
from seatbelt_vae.auditing.answers import UNIVERSAL_IMAGES, survival_results, universal_results
from seatbelt_vae.auditing.audit_flags import flags_of, unchecked_flags
from seatbelt_vae.auditing.audited_images import AuditedImages, audited_images
from seatbelt_vae.auditing.document import Measured, document_of
from seatbelt_vae.auditing.metrics import metrics_by_name
from seatbelt_vae.auditing.own_functions import attack_classifier, attack_score
from seatbelt_vae.auditing.page import write_audit_report
from seatbelt_vae.auditing.pair_store import attack_pairs
from seatbelt_vae.auditing.results import results_of
from seatbelt_vae.auditing.rules import Rule, read_rules
from seatbelt_vae.auditing.threat_budgets import threats_of
from seatbelt_vae.auditing.time_plan import time_plan
from seatbelt_vae.auditing.verdict import verdict_of
from seatbelt_vae.config.audit import AuditConfig
from seatbelt_vae.data import ImageData
from seatbelt_vae.data.in_memory import data_in_memory
from seatbelt_vae.errors import ConfigError
from seatbelt_vae.protocol import Autoencoder, bounds_of, capabilities_of, event_shape_of
from seatbelt_vae.runs import RunFolder
from seatbelt_vae.runs.audit_document import AUDIT, Audit, AuditFlag, write_audit
from seatbelt_vae.subjects import Subject, as_subject, store_subject, subject_of_model, wrap
from seatbelt_vae.testing import check_autoencoder

__all__ = ["audit"]

OnProgress = Callable[[str, int, int], None]


def audit(
    subject: Subject | RunFolder | Autoencoder | nn.Module,
    data: ImageData | Tensor | NDArray[np.floating],
    config: AuditConfig | None = None,
    *,
    out: Path | str | None = None,
    rules: Sequence[str] = (),
    despite_checks: bool = False,
    command: str = "",
    processes: int = 1,
    on_progress: OnProgress = lambda *_: None,
    say: Callable[[str], object] = lambda _: None,
) -> Audit:
    """Audit a subject on images: how small a distortion fools it, and can the number be believed?

    The folder ``audit/`` of the subject gets ``audit.json``, ``report.html`` and the rows of every
    pair; an interrupted audit goes on where it stopped. If a check of the reading is raised,
    nothing is attacked, and the verdict is inconclusive.

    Args:
        subject: a subject, a run, or a model in evaluation mode, which `wrap` adapts if needed.
        data: a data set, or inputs :math:`(N, \\text{event})` in the bounds of the model. A run is
            audited on its held-out images, another model on all.
        config: pairs, budgets, losses and effort.
        out: folder of the results, for a model or a subject without one.
        rules: conditions that fail the audit, such as ``gap@0.2 < 0.5``.
        despite_checks: attack even if a check is raised; the verdict stays inconclusive.
        command: the command that repeats the audit, for the report.
        processes: number of processes that share the pairs, for the estimate of the time.
        on_progress, say: get the activity with the work done and in all, and the estimated time.

    Raises:
        ConfigError: a rule about a metric that the audit will not measure, or no folder.
        DataError, ForeignStateError: too few images; an audit of another model or settings.
        ModelError: the model violates the protocol.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from seatbelt_vae.config import ModelConfig, resolve
        >>> from seatbelt_vae.models import HierarchicalVAE
        >>> shape = resolve(ModelConfig("vae", latent_sizes=(2,)), "toy", (1, 16, 16), (0.0, 1.0))
        >>> images = torch.rand(16, 1, 16, 16, generator=torch.Generator().manual_seed(0))
        >>> with TemporaryDirectory() as folder:
        ...     audit(HierarchicalVAE(shape).eval(), images, out=f"{folder}/model").verdict.status
        'inconclusive'
    """
    config = config or AuditConfig()
    judged, data = _judged(subject, data, None if out is None else Path(out))
    tell = _Tell(on_progress, say)
    return _audited(judged, data, config, rules, despite_checks, command, processes, tell)


class _Tell(NamedTuple):
    """Where an audit reports: progress, and lines of text."""

    progress: OnProgress
    line: Callable[[str], object]


def _audited(
    judged: Subject,
    data: ImageData,
    config: AuditConfig,
    rules: Sequence[str],
    despite_checks: bool,
    command: str,
    processes: int,
    tell: _Tell,
) -> Audit:
    """Check, attack, judge, and write the document."""
    began, images = time.monotonic(), audited_images(judged, data, config)
    metrics = metrics_by_name(threats_of(config, event_shape_of(judged.model)))
    read = read_rules(rules, metrics, _offered(judged, config))
    checks, folder = adapter_checks(judged, images), judged.place / "audit"
    measured, flags = Measured(), list[AuditFlag]()
    if despite_checks or not any(check.raised for check in checks):
        config, images = time_plan(folder, judged, images, config, processes, tell.line)
        measured, flags = _measure(folder, judged, images, config, read, tell.progress)
        flags += unchecked_flags(judged, checks)
    verdict = verdict_of(measured.results, checks, flags, read)
    duration = time.monotonic() - began
    found = document_of(judged, images, config, measured, checks, flags, verdict, command, duration)
    write_audit(folder / AUDIT, found)
    write_audit_report(folder)
    return found


def _judged(
    given: Subject | RunFolder | Autoencoder | nn.Module,
    data: ImageData | Tensor | NDArray[np.floating],
    out: Path | None,
) -> tuple[Subject, ImageData]:
    """The subject with its folder, and the data set."""
    if isinstance(given, Subject | RunFolder):
        subject = as_subject(given)
        subject = subject if out is None else store_subject(subject, out)
    elif out is None:
        raise ConfigError("a model in memory without a folder for its results: give out")
    else:
        shape = data.image_shape if isinstance(data, ImageData) else tuple(data.shape[1:])
        model = given if isinstance(given, Autoencoder) else wrap(given, shape)
        check_autoencoder(model)
        subject = store_subject(subject_of_model(model, out.name), out)
    return subject, data if isinstance(data, ImageData) else _as_data(data, subject.model)


def _as_data(inputs: Tensor | NDArray[np.floating], model: Autoencoder) -> ImageData:
    """Inputs in the bounds of a model as a data set, in [0, 1] for bounds per feature."""
    bounds, inputs = bounds_of(model), torch.as_tensor(inputs).detach().cpu()
    low, high = (torch.as_tensor(bound, dtype=torch.float32).cpu() for bound in bounds)
    if low.ndim == high.ndim == 0 or not bounds.finite:
        return data_in_memory(inputs, (float(low.min()), float(high.max())))
    return data_in_memory((inputs - low) / (high - low), (0.0, 1.0))


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
    classifier = score = None
    if config.classifier is not None:
        on_progress("classifier", 0, 1)
        classifier, found = attack_classifier(model, images, config)
        on_progress("classifier", 1, 1)
        results += found
    if config.score is not None:
        on_progress("score", 0, 1)
        score, found = attack_score(model, images, config)
        on_progress("score", 1, 1)
        results += found
    decisive = {"gap", *(rule.metric.partition("@")[0] for rule in rules)}
    flags = flags_of(pairs.worst, pairs.checks, decisive)
    used = min(UNIVERSAL_IMAGES, len(images.references))
    split = -(-used // 2), used // 2
    return Measured(tuple(results), tuple(pairs.worst), split, classifier, score), flags


def _offered(subject: Subject, config: AuditConfig) -> frozenset[str]:
    """The needs of metrics that a model and the settings meet, see `metrics.NEEDS`."""
    has = capabilities_of(subject.model)
    met = {
        "codes": has.codes,
        "posterior": has.posterior,
        "images": len(event_shape_of(subject.model)) == 3,
        "tokens": has.tokens,
        "classifier": config.classifier is not None,
        "score": config.score is not None,
    }
    return frozenset(name for name, holds in met.items() if holds)
