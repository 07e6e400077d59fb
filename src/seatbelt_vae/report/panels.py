"""Pictures as PNG data URIs: images, signed distortions, strips; and the panels they make up."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from seatbelt_vae.report.collect import PICTURED, Run, Suite

__all__ = [
    "Budget",
    "Panel",
    "PanelRow",
    "Strip",
    "distortion_uri",
    "image_uri",
    "panels",
    "reconstructions",
    "traversals",
]

Row = dict[str, Any]
Bounds = tuple[float, float]

_NEGATIVE, _POSITIVE = (40, 120, 205), (224, 92, 24)
_LEVELS = 127
_SHADES = 64
_GUTTER = 2


@dataclass(frozen=True)
class Budget:
    """What one budget shows of a pair: distortion, adversarial image, its reconstruction."""

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
    """One pair: a row a model, and for each ε the distortion that full colour stands for."""

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


def image_uri(image: Tensor, bounds: Bounds, shades: int = 256) -> str:
    """A PNG data URI of one image (C, H, W), C = 1 or 3; pixels outside the bounds are clipped."""
    low, high = bounds
    share = np.clip((image.double().numpy() - low) / (high - low), 0, 1)
    share = np.round(share * (shades - 1)) / (shades - 1)
    pixels = np.round(share * 255).astype(np.uint8)
    return _png(Image.fromarray(pixels[0] if len(pixels) == 1 else np.moveaxis(pixels, 0, -1)))


def distortion_uri(d: Tensor, scale: float) -> str:
    """A signed distortion (C, H, W), mean over channels: blue below, orange above, 0 transparent.

    Args:
        d: x* − x.
        scale: the size that gets the full colour; more is clipped.
    """
    share = np.clip(d.double().mean(0).numpy() / max(scale, np.finfo(float).tiny), -1, 1)
    steps = (np.round(share * _LEVELS) + _LEVELS).astype(np.uint8)
    coloured = Image.frombytes("P", (steps.shape[1], steps.shape[0]), steps.tobytes())
    coloured.putpalette([*_NEGATIVE] * _LEVELS + [*_POSITIVE] * (_LEVELS + 1))
    alpha = [round(255 * abs(step - _LEVELS) / _LEVELS) for step in range(2 * _LEVELS + 1)]
    return _png(coloured, transparency=bytes(alpha))


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
    """Test images above what the model makes of them; None without an evaluation."""
    if run.evaluation is None:
        return None
    x, made = (run.evaluation.pictures[name][:columns] for name in ("x", "reconstruction"))
    above, below = _side_by_side(x), _side_by_side(made)
    line = np.full_like(above[:, :_GUTTER], _middle(above))
    both = np.concatenate([above, line, below], axis=1)
    return Strip("", _array_uri(both, _bounds(run)), len(x))


def traversals(run: Run, image: int = 0) -> list[Strip]:
    """One strip a traversed unit of one test image; none without an evaluation."""
    found = run.evaluation.pictures if run.evaluation else {}
    if "traversals" not in found or len(found["traversals"]) <= image:
        return []
    layers, units = found["traversal_layer"].tolist(), found["traversal_unit"].tolist()
    names = [f"z{_superscript(a + 1)}, unit {b + 1}" for a, b in zip(layers, units, strict=True)]
    return [
        Strip(label, _array_uri(_side_by_side(images), _bounds(run)), len(images))
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
    pictures, bounds = _pictures(suite), _bounds(run)

    def uri(name: str, *place: int) -> str:
        return image_uri(pictures[name][(pair, *place)], bounds)

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
                distortion=distortion_uri(
                    pictures["adversarial"][pair, k] - pictures["x"][pair], scales[row["epsilon"]]
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


def _bounds(run: Run) -> Bounds:
    low, high = run.architecture["bounds"] if run.architecture else (-1.0, 1.0)
    return low, high


def _side_by_side(images: Tensor) -> NDArray[np.float64]:
    """(S, C, H, W) as one picture (C, H, S·W and the lines between)."""
    tiles = images.double().numpy()
    line = np.full_like(tiles[0, ..., :_GUTTER], _middle(tiles))
    parts = [part for tile in tiles for part in (line, tile)][1:]
    return np.concatenate(parts, axis=-1)


def _middle(images: NDArray[np.float64]) -> float:
    return float(images.min() + images.max()) / 2


def _array_uri(image: NDArray[np.float64], bounds: Bounds) -> str:
    """As `image_uri`, in fewer shades: strips are many, and no eye sees the difference."""
    from torch import from_numpy

    return image_uri(from_numpy(image), bounds, _SHADES)


def _superscript(number: int) -> str:
    return str(number).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))


def _png(image: Image.Image, **options: Any) -> str:
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", optimize=True, **options)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
