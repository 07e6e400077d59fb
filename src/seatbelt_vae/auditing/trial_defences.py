"""`try_defences`: short audits of a model behind each defence at inference that it can have."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from seatbelt_vae.auditing.audit_model import audit
from seatbelt_vae.config.audit import AuditConfig
from seatbelt_vae.config.hardening import HardeningConfig
from seatbelt_vae.config.wrappers import full_name
from seatbelt_vae.data import ImageData
from seatbelt_vae.errors import ConfigError
from seatbelt_vae.hardening.hardened_subject import duration_of
from seatbelt_vae.runs.audit_answers import Defence
from seatbelt_vae.subjects import Subject, store_subject
from seatbelt_vae.subjects.defended_subject import behind

__all__ = ["TRIED", "hardening_minutes", "try_defences"]

TRIED = tuple(map(full_name, ("averaging", "self-denoising", "hmc")))
"""Defences that cost little enough to be tried on every model."""

_PAIRS, _BUDGET = 5, 0.2


def try_defences(
    subject: Subject,
    data: ImageData,
    config: AuditConfig,
    on_progress: Callable[[str, int, int], None] = lambda *_: None,
) -> Iterator[Defence]:
    """The answers of short audits of five pairs at gap@0.2, in the folder ``defences``.

    Defences that the model cannot have are left out.

    Args:
        subject: the subject without a defence, whose folder gets the results.
        data: its data set.
        config: seed and losses of the audits.
    """
    short = replace(
        config,
        pairs=min(config.pairs or _PAIRS, _PAIRS),
        budgets=(_BUDGET,),
        linf_budgets=(),
        classifier=None,
        score=None,
        threshold=None,
    )
    for number, name in enumerate(TRIED):
        on_progress("trying defences", number, len(TRIED))
        try:
            defended = behind(subject, name)
        except ConfigError:
            continue
        place = subject.place / "defences" / name.replace(":", "-")
        found = audit(store_subject(defended, place), data, short, despite_checks=True)
        if found.defence is not None:
            yield found.defence
    on_progress("trying defences", len(TRIED), len(TRIED))


def hardening_minutes(subject: Subject, data: ImageData) -> float | None:
    """The duration of a hardening with default settings; None if the model cannot be hardened."""
    try:
        return duration_of(subject, data, HardeningConfig()) / 60
    except ConfigError:
        return None
