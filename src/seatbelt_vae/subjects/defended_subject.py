"""Subjects behind a defence at inference."""

import re
from dataclasses import replace

from seatbelt_vae.config.wrappers import full_name
from seatbelt_vae.defences import defended
from seatbelt_vae.runs import digest_of
from seatbelt_vae.subjects.subject import Subject
from seatbelt_vae.testing import check_autoencoder

__all__ = ["behind"]


def behind(subject: Subject, defence: str) -> Subject:
    """The subject behind a defence, without a folder of results.

    Args:
        subject: the subject without the defence; results of its folder stay its own.
        defence: as for `defended`.

    Raises:
        ConfigError: the model cannot have the defence.
        ModelError: a defence of the user violates the protocol.
    """
    defence = full_name(defence)
    model = defended(subject.model, defence)
    check_autoencoder(model, gradients=False)  # an audit flags a defence that masks its gradient
    source = subject.source if subject.folder is None else str(subject.folder)
    return replace(
        subject,
        model=model,
        kind="defended",
        name=f"{subject.name}-with-{re.sub(r'[^A-Za-z0-9.]+', '-', defence)}",
        source=source,
        digest=digest_of([defence, subject.digest]),
        folder=None,
        defence=defence,
        undefended=subject.model,
    )
