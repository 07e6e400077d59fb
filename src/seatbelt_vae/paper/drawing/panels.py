"""Pictures: what attacks do to single images, and what models make of clean ones."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from numpy.typing import NDArray
from torch import Tensor

from seatbelt_vae.paper.drawing import style
from seatbelt_vae.paper.drawing.chosen import Shown, choose_pair, choose_runs, least_middle_most
from seatbelt_vae.paper.drawing.drawn import Rows, Sheet
from seatbelt_vae.paper.drawing.pictures import (
    EPSILON,
    Pictures,
    attack_pictures,
    bounds_of,
    reconstructions_of,
)
from seatbelt_vae.paper.drawing.style import GRID, INK, MUTED

__all__ = ["draw_attacks", "draw_reconstructions"]

Pixels = NDArray[np.uint8]

_COLUMNS = (
    *("input", "its\nreconstruction", "distortion", "adversarial\ninput"),
    *("its\nreconstruction", "target"),
)
_LEFT, _TILE, _TOP = 1.25, 0.78, 0.5
_STRIP, _IMAGES, _SHADE = 3.5, 6, 4
_LESS, _MORE = "#2878cd", "#e05c18"
_CLEAN = (
    "The first test images, not attacked, and their mean reconstructions; of each kind and β the "
    "largest model, of its first training."
)
_NOT_HERE = "The pictures lie in run folders, which are not here."


def draw_attacks(rows: Mapping[str, Rows], runs: Path) -> dict[str, Sheet]:
    """A sheet a protocol, both of the same pair and models.

    Args:
        rows: what the figure's query found, by protocol.
        runs: the folder of run folders.
    """
    shown = choose_runs([row for found in rows.values() for row in found])
    pair, told = choose_pair(rows, shown)
    return {
        protocol: _attack_sheet(found, protocol, shown, pair, told, runs)
        for protocol, found in rows.items()
    }


def _attack_sheet(
    rows: Rows, protocol: str, shown: Sequence[Shown], pair: int, told: bool, runs: Path
) -> Sheet:
    own = {one: [r for r in rows if (r["run"], r["item"]) == (one.run, pair)] for one in shown}
    known = {one: attacks for one, attacks in own.items() if attacks}
    if not known:
        return Sheet(None, "")
    if not all((runs / one.run).is_dir() for one in known):
        return Sheet(None, _NOT_HERE)
    found = {one: attack_pictures(runs, attacks, protocol) for one, attacks in known.items()}
    canvas = style.canvas(_LEFT + _TILE * len(_COLUMNS), _TOP + (_TILE + 0.01) * len(found))
    grid = canvas.subplots(len(found), len(_COLUMNS), squeeze=False)
    scale = max(float(_distortion(p).abs().max()) for p in found.values()) or 1.0
    for line, (one, pictures) in zip(grid, found.items(), strict=True):
        for axes, tile in zip(line, _tiles(pictures, scale), strict=True):
            _show(axes, tile)
        label = f"{one.series}\nβ = {one.beta:g}"
        _name(line[0], label, _numbers(pictures))
    for axes, title in zip(grid[0], _COLUMNS, strict=True):
        axes.set_title(title, fontsize=8, color=MUTED)
    return Sheet(
        canvas,
        _attack_caption(protocol, pair, told, scale),
        tuple(dict.fromkeys(one.panel for one in found)),
    )


def _tiles(pictures: Pictures, scale: float) -> list[Pixels]:
    plain = [
        _pixels(image, pictures.bounds)
        for image in (
            *(pictures.x, pictures.reconstruction, pictures.adversarial),
            *(pictures.its_reconstruction, pictures.target),
        )
    ]
    return [*plain[:2], _signed(_distortion(pictures), scale), *plain[2:]]


def _distortion(pictures: Pictures) -> Tensor:
    return (pictures.adversarial - pictures.x).mean(0)


def _pixels(image: Tensor, bounds: tuple[float, float]) -> Pixels:
    """(C, H, W) as (H, W, 3)."""
    low, high = bounds
    share = ((image.double() - low) / (high - low)).clamp(0, 1)
    pixels: Pixels = (255 * share).round().to(torch.uint8).movedim(0, -1).numpy()
    return np.broadcast_to(pixels, (*pixels.shape[:2], 3))


def _signed(distortion: Tensor, scale: float) -> Pixels:
    """(H, W) as colours whose opacity is the size, so that 0 is the page itself."""
    share = (distortion.double() / scale).clamp(-1, 1).numpy()
    ends = np.array([to_rgb(_LESS), to_rgb(_MORE)])
    colours = np.concatenate([ends[(share > 0).astype(int)], np.abs(share)[..., None]], axis=-1)
    pixels: Pixels = np.round(255 * colours).astype(np.uint8)
    return pixels


def _show(axes: Axes, pixels: Pixels) -> None:
    axes.imshow(pixels, interpolation="none")
    axes.set_facecolor("none")
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_color(GRID)
        spine.set_linewidth(0.6)


def _name(axes: Axes, label: str, numbers: str) -> None:
    """What a row is, left of its first picture."""
    words: dict[str, Any] = {"transform": axes.transAxes, "ha": "right", "linespacing": 1.25}
    axes.text(-0.1, 0.98, label, va="top", fontsize=8, color=INK, **words)
    axes.text(-0.1, 0.02, numbers, va="bottom", fontsize=7, color=MUTED, **words)


def _numbers(pictures: Pictures) -> str:
    gap = "not told apart" if pictures.gap is None else f"gap {pictures.gap:.2f}"
    return f"‖d‖ {100 * pictures.distance:.0f} %\n{gap}"


def _attack_caption(protocol: str, pair: int, told: bool, scale: float) -> str:
    choice = (
        "the attack of smallest Δ over λ, which is that of the smallest λ, as the paper shows it"
        if protocol == "paper"
        else f"the smallest gap found with ‖d‖ ≤ {EPSILON:g}·‖xₜ − x‖"
    )
    which = (
        f"Pair {pair + 1}, the first that all models tell apart"
        if told
        else f"Pair {pair + 1}, which not all models tell apart; there is none that all do"
    )
    return (
        f"{which}; {choice}. ‖d‖ in units of ‖xₜ − x‖; gap 0: the reconstruction is the target's, "
        f"1: it has not moved. Distortion: blue darker, orange brighter, full colour ±{scale:.2g}."
    )


def draw_reconstructions(rows: Rows, runs: Path) -> Sheet:
    """A block a data set: test images, and below them what each model makes of them.

    Args:
        rows: what the figure's query found, one a run.
        runs: the folder of run folders.
    """
    shown = choose_runs(rows)
    if not all((runs / one.run).is_dir() for one in shown):
        return Sheet(None, _NOT_HERE)
    chosen = least_middle_most(one.beta for one in shown)
    blocks: dict[str, list[Shown]] = {}
    for one in shown:
        if one.beta in chosen:
            blocks.setdefault(one.panel, []).append(one)
    lines = 1 + max(len(models) for models in blocks.values())
    tile = _STRIP / _IMAGES
    canvas = style.canvas((_LEFT + 0.25 + _STRIP) * len(blocks), 0.3 + tile * lines)
    grid = canvas.subplots(lines, len(blocks), squeeze=False)
    for column, (panel, models) in zip(grid.T, blocks.items(), strict=True):
        _block(column, panel, models, runs)
    return Sheet(canvas, _CLEAN, tuple(blocks))


def _block(column: Sequence[Axes], panel: str, models: Sequence[Shown], runs: Path) -> None:
    bounds = bounds_of(runs / models[0].run)
    x, _ = reconstructions_of(runs / models[0].run, _IMAGES)
    _show(column[0], _strip(x, bounds))
    column[0].set_title(style.verbatim(panel), loc="left", fontsize=9, color=INK, fontweight="bold")
    _beside(column[0], "test images")
    for axes, one in zip(column[1:], models, strict=False):
        _, made = reconstructions_of(runs / one.run, _IMAGES)
        _show(axes, _strip(made, bounds_of(runs / one.run)))
        _beside(axes, f"{one.series}, β = {one.beta:g}\n{one.size}")
    for axes in column[1 + len(models) :]:
        axes.set_axis_off()


def _strip(images: Tensor, bounds: tuple[float, float]) -> Pixels:
    """Images side by side in few shades: no eye sees the difference, and files stay small."""
    side = np.concatenate([_pixels(image, bounds) for image in images], axis=1)
    strip: Pixels = (side // _SHADE * _SHADE + side // _SHADE // 16).astype(np.uint8)
    return strip


def _beside(axes: Axes, label: str) -> None:
    axes.text(
        -0.02,
        0.5,
        label,
        transform=axes.transAxes,
        ha="right",
        va="center",
        fontsize=7.5,
        color=INK,
        linespacing=1.3,
    )
