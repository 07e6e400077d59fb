"""The images of one attack, read from its run folder."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from seatbelt_vae.errors import ArtifactError
from seatbelt_vae.evaluation.gap import reconstruct
from seatbelt_vae.paper.drawing.sheet import Row, Rows
from seatbelt_vae.report.drawing.images import AttackedPair
from seatbelt_vae.runs import read_rows, read_tensors
from seatbelt_vae.runs.checked_files import checked_table
from seatbelt_vae.runs.contents import SUBJECT
from seatbelt_vae.subjects import open_subject

__all__ = ["EPSILON", "Pictures", "attack_pictures", "bounds_of", "reconstructions_of"]

_Five = tuple[Tensor, Tensor, Tensor, Tensor, Tensor]

EPSILON = 0.5
"""The budget of the strong attack in the figure."""


@dataclass(frozen=True)
class Pictures(AttackedPair):
    """An attack with its numbers.

    Args:
        distance: ‖x* − x‖ / ‖x_t − x‖.
        gap: distance to rec(x_t), relative to the clean one; None if the pair is not told apart.
    """

    distance: float
    gap: float | None


def attack_pictures(runs: Path, rows: Rows, strength: str) -> Pictures:
    """The images of a pair's best attack.

    Best is the smallest Δ under the published attack, and the smallest gap within ε = 0.5 under the
    strong one.

    Args:
        runs: the folder of run folders.
        rows: the attacks of one run, suite and pair.
        strength: ``paper`` or ``strong``.

    Raises:
        ArtifactError: the run does not exist, or a file is missing or corrupt.
    """
    run, suite, pair = (rows[0][name] for name in ("run", "suite", "item"))
    place = runs / run / "attacks" / suite
    name = f"pair-{pair:05d}"
    bounds = bounds_of(runs / run)
    if strength == "paper":
        return _of_row(runs / run, place / name, min(rows, key=lambda row: row["delta"]), bounds)
    stem = place / "budgets" / name
    budgets = read_rows(stem.with_suffix(".parquet"))
    (k,) = [k for k, row in enumerate(budgets) if row["epsilon"] == EPSILON]
    images = _named(stem, "x", "target", "reconstruction_x", "adversarial", "reconstruction")
    adversarial, moved = images["adversarial"][k], images["reconstruction"][k]
    shown = (images["x"], images["reconstruction_x"], adversarial, moved, images["target"])
    return _pictures(shown, budgets[k], bounds)


def _of_row(run: Path, stem: Path, row: Row, bounds: tuple[float, float]) -> Pictures:
    """A stored attack; its reconstruction is not stored and is computed by the model."""
    levels = [stored["level"] for stored in read_rows(stem.with_suffix(".parquet"))]
    images = _named(stem, "x", "target", "adversarial")
    adversarial = images["adversarial"][levels.index(row["level"])]
    model = open_subject(run).for_inference
    with torch.no_grad():
        both = reconstruct(model, torch.stack([images["x"], adversarial]))
    shown = (images["x"], both[0], adversarial, both[1], images["target"])
    return _pictures(shown, row, bounds)


def _pictures(images: _Five, row: Row, bounds: tuple[float, float]) -> Pictures:
    """Five images in the order of `AttackedPair`, with the numbers of a row."""
    gap = row["gap"] if row["told_apart"] else None
    return Pictures(*images, bounds, row["distance_relative"], gap)


def bounds_of(run: Path) -> tuple[float, float]:
    """The range of the pixels of a run, or of another subject."""
    subject = run / SUBJECT
    about = checked_table(subject if subject.exists() else run / "model.json", ["bounds"])
    low, high = about["bounds"]
    return low, high


def reconstructions_of(run: Path, count: int) -> tuple[Tensor, Tensor]:
    """The first test images stored by an evaluation, and their reconstructions.

    Raises:
        ArtifactError: the run was not evaluated.
    """
    images = _named(run / "evaluation" / "pictures", "x", "reconstruction")
    return images["x"][:count], images["reconstruction"][:count]


def _named(stem: Path, *names: str) -> dict[str, Tensor]:
    path = stem.with_suffix(".safetensors")
    tensors = read_tensors(path)
    if missing := [name for name in names if name not in tensors]:
        raise ArtifactError(f"{path} lacks {', '.join(missing)}: delete it and run the step again")
    return tensors
