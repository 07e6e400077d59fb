"""The pictures of a report: panels of attacked pairs, strips of reconstructions and traversals."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from seatbelt_vae.report.collect import PICTURED, Run, Suite
from seatbelt_vae.report.drawing.images import pixels, png_uri, side_by_side, signed

__all__ = [
    "Budget",
    "Panel",
    "PanelRow",
    "Strip",
    "bounds_of",
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
    how: str


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
    """One pair: one row per model, and the distortion of full colour at each ε."""

    pair: int
    indices: tuple[int, int]
    scales: dict[float, float]
    rows: list[PanelRow]


@dataclass(frozen=True)
class Strip:
    """Images side by side in one picture."""

    label: str
    uri: str
    count: int


def panels(runs: Sequence[Run], name: str | None) -> list[Panel]:
    """The panels of one suite, pair by pair, over the runs that have it."""
    known = [
        (index, run, run.suites[name])
        for index, run in enumerate(runs)
        if name in run.suites and run.suites[name].measured is not None
    ]
    count = max((len(_pairs(suite)) for _, _, suite in known), default=0)
    count = min(count, PICTURED)
    return [_panel(pair, [k for k in known if pair < len(_pairs(k[2]))]) for pair in range(count)]


def reconstructions(run: Run, columns: int = 8) -> Strip | None:
    """Test images above their reconstructions; None without an evaluation."""
    if run.evaluation is None:
        return None
    x, made = (run.evaluation.pictures[name][:columns] for name in ("x", "reconstruction"))
    both = [side_by_side(images, bounds_of(run), _GUTTER) for images in (x, made)]
    line = np.full_like(both[0][:_GUTTER], 128)
    return Strip("", png_uri(np.concatenate([both[0], line, both[1]])), len(x))


def traversals(run: Run, image: int = 0) -> list[Strip]:
    """One strip per traversed unit of one test image; none without an evaluation."""
    found = run.evaluation.pictures if run.evaluation else {}
    if "traversals" not in found or len(found["traversals"]) <= image:
        return []
    layers, units = found["traversal_layer"].tolist(), found["traversal_unit"].tolist()
    names = [f"z{_superscript(a + 1)}, unit {b + 1}" for a, b in zip(layers, units, strict=True)]
    return [
        Strip(label, png_uri(side_by_side(images, bounds_of(run), _GUTTER)), len(images))
        for label, images in zip(names, found["traversals"][image], strict=True)
    ]


def _panel(pair: int, known: Sequence[tuple[int, Run, Suite]]) -> Panel:
    """One pair; the colour scale of a budget is shared by the models, so that rows compare."""
    first = _pairs(known[0][2])[pair]
    rows = [_budget_rows(suite, pair) for _, _, suite in known]
    scales: dict[float, float] = {}
    for (_, _, suite), budgets in zip(known, rows, strict=True):
        pictures = _pictures(suite)
        for k, budget in enumerate(budgets):
            d = (pictures["adversarial"][pair, k] - pictures["x"][pair]).mean(0).abs().max()
            scales[budget["epsilon"]] = max(scales.get(budget["epsilon"], 0.0), float(d))
    return Panel(
        pair=pair,
        indices=(first["input_index"], first["target_index"]),
        scales=scales,
        rows=[
            _panel_row(index, run, suite, pair, budgets, scales)
            for (index, run, suite), budgets in zip(known, rows, strict=True)
        ],
    )


def _panel_row(
    index: int,
    run: Run,
    suite: Suite,
    pair: int,
    budgets: Sequence[Row],
    scales: dict[float, float],
) -> PanelRow:
    pictures, bounds = _pictures(suite), bounds_of(run)

    def uri(name: str, *place: int) -> str:
        return png_uri(pixels(pictures[name][(pair, *place)], bounds))

    return PanelRow(
        model=run.name,
        index=index,
        input=uri("x"),
        reconstruction=uri("reconstruction_x"),
        target=uri("target"),
        told_apart=_pairs(suite)[pair]["told_apart"],
        budgets=[
            Budget(
                epsilon=row["epsilon"],
                distortion=png_uri(
                    signed(
                        pictures["adversarial"][pair, k] - pictures["x"][pair],
                        scales[row["epsilon"]],
                    )
                ),
                adversarial=uri("adversarial", k),
                reconstruction=uri("reconstruction", k),
                gap=row["gap"],
                distance_relative=row["distance_relative"],
                how=row["how"],
            )
            for k, row in enumerate(budgets)
        ],
    )


def _pairs(suite: Suite) -> list[Row]:
    return suite.measured.pairs if suite.measured else []


def _pictures(suite: Suite) -> dict[str, Tensor]:
    return suite.measured.pictures if suite.measured else {}


def _budget_rows(suite: Suite, pair: int) -> list[Row]:
    number = _pairs(suite)[pair]["pair"]
    rows = suite.measured.budgets if suite.measured else []
    return sorted((row for row in rows if row["pair"] == number), key=lambda row: row["epsilon"])


def bounds_of(run: Run) -> tuple[float, float]:
    """The range of a run's pixels."""
    low, high = run.architecture["bounds"] if run.architecture else (-1.0, 1.0)
    return low, high


def _superscript(number: int) -> str:
    return str(number).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))
