"""The images of one attack, read from its run folder."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from seatbelt_vae.errors import ArtifactError
from seatbelt_vae.evaluation.gap import reconstruct
from seatbelt_vae.models import fold_batch_norm, load_model
from seatbelt_vae.paper.drawing.drawn import Row, Rows
from seatbelt_vae.report.drawing.images import AttackedPair
from seatbelt_vae.runs import RunFolder, read_json, read_rows, read_tensors

__all__ = ["EPSILON", "Pictures", "attack_pictures", "bounds_of", "reconstructions_of"]

EPSILON = 0.5
"""The budget of the strong attack whose images are shown."""


@dataclass(frozen=True)
class Pictures(AttackedPair):
    """An attack with its numbers.

    Args:
        distance: ‖x* − x‖ / ‖x_t − x‖.
        gap: share of the way to rec(x_t) that is left; None if the pair is not told apart.
    """

    distance: float
    gap: float | None


def attack_pictures(runs: Path, rows: Rows, protocol: str) -> Pictures:
    """The attack that represents a pair.

    Under the published protocol it is the one of smallest Δ, else of the smallest gap within
    ε = 0.5.

    Args:
        runs: the folder of run folders.
        rows: the attacks of one run, suite and pair.
        protocol: ``paper`` or ``strong``.

    Raises:
        ArtifactError: no such run, or a file that is missing or corrupt.
    """
    run, suite, pair = (rows[0][name] for name in ("run", "suite", "item"))
    place = runs / run / "attacks" / suite
    name = f"pair-{pair:05d}"
    bounds = bounds_of(runs / run)
    if protocol == "paper":
        best = min(rows, key=lambda row: row["delta"])
        return _of_row(runs / run, place / name, best, bounds)
    return _within_budget(place / "budgets" / name, bounds)


def _of_row(run: Path, stem: Path, row: Row, bounds: tuple[float, float]) -> Pictures:
    """A stored attack; the model computes its reconstruction, as none is stored."""
    levels = [stored["level"] for stored in read_rows(stem.with_suffix(".parquet"))]
    images = _named(stem, "x", "target", "adversarial")
    adversarial = images["adversarial"][levels.index(row["level"])]
    model = fold_batch_norm(load_model(RunFolder.open(run)))
    with torch.no_grad():
        both = reconstruct(model, torch.stack([images["x"], adversarial]))
    return Pictures(
        images["x"],
        both[0],
        adversarial,
        both[1],
        images["target"],
        bounds,
        row["distance_relative"],
        row["gap"] if row["told_apart"] else None,
    )


def _within_budget(stem: Path, bounds: tuple[float, float]) -> Pictures:
    budgets = read_rows(stem.with_suffix(".parquet"))
    (place,) = [k for k, row in enumerate(budgets) if row["epsilon"] == EPSILON]
    images = _named(stem, "x", "target", "reconstruction_x", "adversarial", "reconstruction")
    best = budgets[place]
    return Pictures(
        images["x"],
        images["reconstruction_x"],
        images["adversarial"][place],
        images["reconstruction"][place],
        images["target"],
        bounds,
        best["distance_relative"],
        best["gap"] if best["told_apart"] else None,
    )


def bounds_of(run: Path) -> tuple[float, float]:
    """The range of a run's pixels."""
    low, high = read_json(run / "model.json")["bounds"]
    return low, high


def reconstructions_of(run: Path, count: int) -> tuple[Tensor, Tensor]:
    """The first test images an evaluation stored, and their reconstructions.

    Raises:
        ArtifactError: the run was not evaluated.
    """
    images = _named(run / "evaluation" / "pictures", "x", "reconstruction")
    return images["x"][:count], images["reconstruction"][:count]


def _named(stem: Path, *names: str) -> dict[str, Tensor]:
    path = stem.with_suffix(".safetensors")
    found = read_tensors(path)
    missing: Sequence[str] = [name for name in names if name not in found]
    if missing:
        raise ArtifactError(f"{path} lacks {', '.join(missing)}: delete it and run the step again")
    return found
