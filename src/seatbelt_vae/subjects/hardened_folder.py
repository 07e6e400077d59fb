"""Folders of a hardened subject: the weights of its encoder, put into the model of its source.

The folder is one of results, whose ``subject.json`` names the source. ``hardened.json`` has the
digest of the model before and the settings; the weights are in ``model.safetensors``.
"""

from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from seatbelt_vae.errors import ArtifactError, ForeignStateError
from seatbelt_vae.runs import FORMAT, read_tensors, write_json, write_tensors
from seatbelt_vae.runs.checked_files import checked_table
from seatbelt_vae.runs.contents import HARDENED, SUBJECT
from seatbelt_vae.runs.formats import checked_format
from seatbelt_vae.subjects.named_weights import named_state
from seatbelt_vae.subjects.subject import Subject, subject_of_model

__all__ = ["WEIGHTS", "hardened", "store_hardened"]

WEIGHTS = "model.safetensors"


def store_hardened(subject: Subject, folder: Path, names: list[str], about: dict[str, Any]) -> None:
    """Write the weights of a hardened model, and the description of its subject.

    A file of weights is written as one in the same layout, with all weights; else the file has the
    changed weights only.

    Args:
        subject: the subject, with the digest of the model before and the hardened weights.
        folder: the folder.
        names: names of the changed parameters.
        about: further content of ``hardened.json``.
    """
    state = named_state(subject.model)
    kept = state if subject.kind == "weights" else {name: state[name] for name in names}
    write_tensors(folder / WEIGHTS, kept)
    write_json(folder / HARDENED, {"format": FORMAT, "before": subject.digest, **about})
    found = _with_new_digest(subject, folder)
    write_json(folder / SUBJECT, {"format": FORMAT, **found.about()})


@torch.no_grad()
def hardened(folder: Path, subject: Subject) -> Subject:
    """The subject of a folder's source with the hardened weights; others are returned as they are.

    Raises:
        ForeignStateError: the model of the source has changed.
        ArtifactError: a file is missing or damaged, or its weights do not fit.
    """
    path = folder / HARDENED
    if not path.exists():
        return subject
    about = checked_table(path, ["before"])
    checked_format(path, "hardened model", about)
    if about["before"] != subject.digest:
        raise ForeignStateError(
            f"{folder} was hardened from {subject.source} with other weights (digest "
            f"{about['before']}, found {subject.digest}): restore that model, or harden it again"
        )
    subject = replace(subject, model=deepcopy(subject.model))
    weights = named_state(subject.model)
    for name, tensor in read_tensors(folder / WEIGHTS).items():
        if name not in weights or weights[name].shape != tensor.shape:
            raise ArtifactError(
                f"{folder / WEIGHTS} has weights {name} {tuple(tensor.shape)}, which "
                f"{subject.source} lacks: restore the file, or harden the model again"
            )
        weights[name].copy_(tensor)
    return _with_new_digest(subject, folder)


def _with_new_digest(subject: Subject, folder: Path) -> Subject:
    """The subject of the folder, with the digest of its present weights."""
    name = folder.resolve().name
    digest = subject_of_model(subject.model, name).digest
    return replace(subject, name=name, digest=digest, trained_here=True)
