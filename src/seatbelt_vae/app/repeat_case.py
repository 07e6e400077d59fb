"""Repeat the attacks of a downloaded case, and compare them with the stored ones."""

import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor

from seatbelt_vae.app.case_file import CASE, FORMAT, TENSORS
from seatbelt_vae.attacks.diagnostics import checked_attack
from seatbelt_vae.config import AttackConfig
from seatbelt_vae.config.toml import from_dict
from seatbelt_vae.errors import ArtifactError, UnreadableError
from seatbelt_vae.parallel.process_settings import tune_process
from seatbelt_vae.subjects import Subject

__all__ = ["Repeated", "repeat_case"]

_LARGEST = 2**30
_IMAGES = ("x", "target", "adversarial")


@dataclass(frozen=True)
class Repeated:
    r"""One row of a repeated attack.

    Args:
        subject: name of the subject.
        epsilon: the budget.
        stored, again: the loss at x*, in the case and now.
        difference: :math:`\|x^*_{stored} - x^*_{again}\|_\infty`.
    """

    subject: str
    epsilon: float
    stored: float
    again: float
    difference: float


def repeat_case(path: Path, subjects: Sequence[Subject]) -> list[Repeated]:
    """Attack each subject as the case says, with as many threads.

    Args:
        path: a zip of the page.
        subjects: the models of the case, in any order.

    Raises:
        ArtifactError: not such a file, or of other models.
    """
    cases = _cases(path)
    rows = []
    for subject in subjects:
        found = [case for case in cases if case[0]["digest"] == subject.digest]
        if not found:
            known = ", ".join(f"{about['subject']} ({about['digest']})" for about, _ in cases)
            raise ArtifactError(
                f"{path} is of {known}, not of {subject.name} ({subject.digest}): give the models "
                f"of its command"
            )
        rows += _repeated(path, subject, *found[0])
    return rows


def _repeated(
    path: Path, subject: Subject, about: dict[str, Any], images: dict[str, Tensor]
) -> list[Repeated]:
    config = from_dict(AttackConfig, about["config"])
    tune_process(config.threads)
    x, target, stored = (images[name] for name in _IMAGES)
    found = checked_attack(
        subject.for_inference, x[None], target[None], config, pair_numbers=[0]
    ).result
    again = found.adversarial[0].to(stored)
    if again.shape != stored.shape:
        raise ArtifactError(f"{path} holds {len(stored)} budgets, its settings {len(again)}")
    differences = (again - stored).abs().flatten(1).amax(1)
    known = zip(about["rows"], found.divergence[0], differences, strict=True)
    return [
        Repeated(
            about["subject"], row["level_relative"], row["divergence"], float(r), float(largest)
        )
        for row, r, largest in known
    ]


def _cases(path: Path) -> list[tuple[dict[str, Any], dict[str, Tensor]]]:
    """The description and the images of each attack of a file."""
    try:
        with zipfile.ZipFile(path) as archive:
            sizes = {entry.filename: entry.file_size for entry in archive.infolist()}
            if sum(sizes.values()) > _LARGEST:
                raise ArtifactError(f"{path} is larger than {_LARGEST >> 20} MiB when unpacked")
            places = [name.removesuffix(CASE) for name in sizes if name.endswith(f"/{CASE}")]
            cases = [
                (json.loads(archive.read(place + CASE)), load(archive.read(place + TENSORS)))
                for place in places
            ]
    except FileNotFoundError:
        raise ArtifactError(f"no such file: {path}: give a case that the page stored") from None
    except OSError as error:
        raise UnreadableError.of(path, error) from None
    except (zipfile.BadZipFile, KeyError, ValueError, SafetensorError) as error:
        raise ArtifactError(f"{path} is no case of the page ({error}): download it again") from None
    for about, images in cases:
        _check(path, about, images)
    if not cases:
        raise ArtifactError(f"{path} holds no attack: expected a zip that the page stored")
    return cases


def _check(path: Path, about: Any, images: dict[str, Tensor]) -> None:
    expected = {"format", "subject", "digest", "config", "rows"}
    if not isinstance(about, dict) or not expected <= about.keys():
        raise ArtifactError(f"{path}: {CASE} lacks some of {', '.join(sorted(expected))}")
    if about["format"] != FORMAT:
        raise ArtifactError(f"{path} has format {about['format']}, expected {FORMAT}")
    if not set(_IMAGES) <= images.keys() or not all(
        torch.is_floating_point(images[name]) for name in _IMAGES
    ):
        raise ArtifactError(f"{path}: {TENSORS} lacks some of {', '.join(_IMAGES)}")
