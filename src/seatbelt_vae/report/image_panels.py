"""Image panels of a report: attacked pairs, reconstructions and latent traversals."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from seatbelt_vae.errors import ArtifactError
from seatbelt_vae.report.collect import PICTURED, Measured, Run
from seatbelt_vae.report.drawing.axis import superscript
from seatbelt_vae.report.drawing.images import AttackedPair, pixels, png_uri, side_by_side, signed

__all__ = [
    "Budget",
    "Panel",
    "PanelRow",
    "Strip",
    "attacked_pair",
    "measured_runs",
    "panels",
    "reconstructions",
    "traversals",
]

Row = dict[str, Any]

_GUTTER = 2


@dataclass(frozen=True)
class Budget:
    """One budget of a pair: distortion, adversarial image and its reconstruction."""

    epsilon: float
    distortion: str
    adversarial: str
    reconstruction: str
    gap: float | None
    distance_relative: float


@dataclass(frozen=True)
class PanelRow:
    """One model's row of a panel."""

    model: str
    index: int
    input: str
    reconstruction: str
    target: str
    told_apart: bool
    budgets: list[Budget]


@dataclass(frozen=True)
class Panel:
    """One pair: one row per model, and the distortion at full colour for each ε."""

    pair: int
    indices: tuple[int, int]
    scales: dict[float, float]
    rows: list[PanelRow]


@dataclass(frozen=True)
class Strip:
    """A row of images in one picture."""

    label: str
    uri: str
    count: int


def panels(runs: Sequence[Run], name: str | None) -> list[Panel]:
    """One panel per pair of one suite, over the runs that have measured it."""
    known = [entry for entry in measured_runs(runs, name) if _has_images(entry[1])]
    count = max((len(measured.pairs) for _, _, measured in known), default=0)
    return [
        _panel(pair, [entry for entry in known if pair < len(entry[2].pairs)])
        for pair in range(min(count, PICTURED))
    ]


def measured_runs(runs: Sequence[Run], name: str | None) -> list[tuple[int, Run, Measured]]:
    """Index, run and measurements of every run that has measured the suite ``name``."""
    return [
        (index, run, measured)
        for index, run in enumerate(runs)
        if name in run.suites and (measured := run.suites[name].measured) is not None
    ]


def attacked_pair(run: Run, measured: Measured, pair: int, budget: int) -> AttackedPair:
    """The images of one pair and budget, both by index; budgets are in ascending order of ε."""
    found = {name: images[pair] for name, images in measured.pictures.items()}
    return AttackedPair(
        found["x"],
        found["reconstruction_x"],
        found["adversarial"][budget],
        found["reconstruction"][budget],
        found["target"],
        _bounds(run),
    )


def reconstructions(run: Run, columns: int = 8) -> Strip | None:
    """Test images above their reconstructions; None without an evaluation or images."""
    if run.evaluation is None or not _has_images(run):
        return None
    images = [run.evaluation.pictures[name][:columns] for name in ("x", "reconstruction")]
    above, below = (side_by_side(row, _bounds(run), _GUTTER) for row in images)
    line = np.full_like(above[:_GUTTER], 128)
    return Strip("", png_uri(np.concatenate([above, line, below])), len(images[0]))


def traversals(run: Run, image: int = 0) -> list[Strip]:
    """One strip per traversed unit of one test image; none without an evaluation or images."""
    found = run.evaluation.pictures if run.evaluation and _has_images(run) else {}
    if "traversals" not in found or len(found["traversals"]) <= image:
        return []
    layers, units = found["traversal_layer"].tolist(), found["traversal_unit"].tolist()
    names = [f"z{superscript(a + 1)}, unit {b + 1}" for a, b in zip(layers, units, strict=True)]
    return [
        Strip(label, png_uri(side_by_side(images, _bounds(run), _GUTTER)), len(images))
        for label, images in zip(names, found["traversals"][image], strict=True)
    ]


def _panel(pair: int, known: Sequence[tuple[int, Run, Measured]]) -> Panel:
    """One pair; all models share the colour scale of a budget."""
    first = known[0][2].pairs[pair]
    scales: dict[float, float] = {}
    for _, run, measured in known:
        for k, row in enumerate(_budgets(measured, pair)):
            size = float(attacked_pair(run, measured, pair, k).distortion.abs().max())
            scales[row["epsilon"]] = max(scales.get(row["epsilon"], 0.0), size)
    return Panel(
        pair=pair,
        indices=(first["input_index"], first["target_index"]),
        scales=scales,
        rows=[_panel_row(*entry, pair, scales) for entry in known],
    )


def _panel_row(
    index: int, run: Run, measured: Measured, pair: int, scales: dict[float, float]
) -> PanelRow:
    budgets = _budgets(measured, pair)
    images = [attacked_pair(run, measured, pair, k) for k in range(len(budgets))]

    def uri(image: Tensor) -> str:
        return png_uri(pixels(image, _bounds(run)))

    return PanelRow(
        model=run.name,
        index=index,
        input=uri(images[0].x),
        reconstruction=uri(images[0].reconstruction),
        target=uri(images[0].target),
        told_apart=measured.pairs[pair]["told_apart"],
        budgets=[
            Budget(
                epsilon=row["epsilon"],
                distortion=png_uri(signed(pictures.distortion, scales[row["epsilon"]])),
                adversarial=uri(pictures.adversarial),
                reconstruction=uri(pictures.its_reconstruction),
                gap=row["gap"],
                distance_relative=row["distance_relative"],
            )
            for row, pictures in zip(budgets, images, strict=True)
        ],
    )


def _budgets(measured: Measured, pair: int) -> list[Row]:
    """The rows of a pair in ascending order of ε."""
    number = measured.pairs[pair]["pair"]
    rows = [row for row in measured.budgets if row["pair"] == number]
    if len(rows) != len(measured.pictures["adversarial"][pair]):
        raise ArtifactError(
            f"{measured.folder}/budgets has {len(rows)} rows of pair {number}, expected one per "
            f"stored image: move that folder and {measured.folder}/pairs away and attack again"
        )
    return sorted(rows, key=lambda row: row["epsilon"])


def _has_images(run: Run) -> bool:
    """Whether the inputs of a run are images, not vectors."""
    return run.architecture is None or len(run.architecture["image_shape"]) == 3


def _bounds(run: Run) -> tuple[Any, Any]:
    """The pixel range of a run's images, arrays for bounds per channel; theirs without bounds."""
    stated = run.architecture["bounds"] if run.architecture else (-1.0, 1.0)
    try:
        ends = (-np.inf, np.inf) if stated is None else stated
        low, high = (np.asarray(end, dtype=np.float64) for end in ends)
    except (TypeError, ValueError):
        raise ArtifactError(
            f"{run.folder}: the bounds of its model are {stated!r}, expected two numbers: restore "
            f"model.json, or train again"
        ) from None
    if np.isfinite(low).all() and np.isfinite(high).all():
        return low, high
    stored = run.evaluation or next(filter(None, (s.measured for s in run.suites.values())))
    return float(stored.pictures["x"].min()), float(stored.pictures["x"].max())
