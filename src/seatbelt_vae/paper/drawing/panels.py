"""Figures of pictures: attacks on single images, and reconstructions of clean ones."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes

from seatbelt_vae.paper.drawing.chosen import Shown, choose_pair, choose_runs, least_middle_most
from seatbelt_vae.paper.drawing.drawn import Rows, Sheet
from seatbelt_vae.paper.drawing.pictures import (
    EPSILON,
    Pictures,
    attack_pictures,
    bounds_of,
    reconstructions_of,
)
from seatbelt_vae.report.drawing import style
from seatbelt_vae.report.drawing.images import attack_figure, show, side_by_side
from seatbelt_vae.report.drawing.style import INK

__all__ = ["draw_attacks", "draw_reconstructions"]

_LEFT, _STRIP, _IMAGES = 1.5, 3.5, 6
_CLEAN = (
    "The first test images, not attacked, and their mean reconstructions by the largest model of "
    "each kind and β, first training."
)
_NOT_HERE = "The pictures lie in run folders, which are not here."


def draw_attacks(rows: Mapping[str, Rows], runs: Path) -> dict[str, Sheet]:
    """One sheet per protocol, both of the same pair and models."""
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
    canvas, scale = attack_figure(
        [
            (f"{one.series}\nβ = {one.beta:g}", _numbers(pictures), pictures)
            for one, pictures in found.items()
        ]
    )
    caption = _attack_caption(protocol, pair, told, scale)
    return Sheet(canvas, caption, tuple(dict.fromkeys(one.panel for one in found)))


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
    """One block per data set: test images, and below them their reconstructions by each model."""
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
    canvas = style.canvas((_LEFT + _STRIP) * len(blocks), 0.3 + tile * lines)
    grid = canvas.subplots(lines, len(blocks), squeeze=False)
    for column, (panel, models) in zip(grid.T, blocks.items(), strict=True):
        _block(column, panel, models, runs)
    return Sheet(canvas, _CLEAN, tuple(blocks))


def _block(column: Sequence[Axes], panel: str, models: Sequence[Shown], runs: Path) -> None:
    bounds = bounds_of(runs / models[0].run)
    x, _ = reconstructions_of(runs / models[0].run, _IMAGES)
    show(column[0], side_by_side(x, bounds))
    column[0].set_title(style.verbatim(panel), loc="left", fontsize=9, color=INK, fontweight="bold")
    _beside(column[0], "test images")
    for axes, one in zip(column[1:], models, strict=False):
        _, made = reconstructions_of(runs / one.run, _IMAGES)
        show(axes, side_by_side(made, bounds_of(runs / one.run)))
        _beside(axes, f"{one.series}, β = {one.beta:g}\n{one.size}")
    for axes in column[1 + len(models) :]:
        axes.set_axis_off()


def _beside(axes: Axes, label: str) -> None:
    """Write a label left of a strip."""
    place: dict[str, Any] = {"transform": axes.transAxes, "ha": "right", "va": "center"}
    axes.text(-0.02, 0.5, label, fontsize=7.5, color=INK, linespacing=1.3, **place)
