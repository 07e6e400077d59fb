"""Figures of images: attacks on one pair, and reconstructions of clean images."""

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from pathlib import Path

from seatbelt_vae.paper.drawing.choice import (
    ShownModel,
    choose_pair,
    choose_runs,
    least_middle_most,
)
from seatbelt_vae.paper.drawing.pictures import (
    EPSILON,
    Pictures,
    attack_pictures,
    bounds_of,
    reconstructions_of,
)
from seatbelt_vae.paper.drawing.sheet import Rows, Sheet
from seatbelt_vae.report.drawing.images import Picture, attack_figure, picture_grid, side_by_side
from seatbelt_vae.report.drawing.style import verbatim

__all__ = ["draw_attacks", "draw_reconstructions"]

_LEFT, _STRIP, _IMAGES = 1.55, 3.5, 6
_CLEAN = (
    "The first test images, clean, and their mean reconstructions by the largest model of each "
    "kind and β, first training."
)
_NO_RUNS = "The images are in the run folders, which are not here."


def draw_attacks(rows: Mapping[str, Rows], runs: Path) -> dict[str, Sheet]:
    """One sheet per strength, both of the same pair and models."""
    models = choose_runs([row for attacks in rows.values() for row in attacks])
    pair, by_all = choose_pair(rows, models)
    return {
        strength: _attack_sheet(attacks, strength, models, pair, by_all, runs)
        for strength, attacks in rows.items()
    }


def _attack_sheet(
    rows: Rows, strength: str, models: Sequence[ShownModel], pair: int, by_all: bool, runs: Path
) -> Sheet:
    attacks = {
        model: of_model
        for model in models
        if (of_model := [r for r in rows if (r["run"], r["item"]) == (model.run, pair)])
    }
    if not attacks:
        return Sheet(None, "")
    shown = tuple(model.run for model in attacks)
    if not all((runs / run).is_dir() for run in shown):
        return Sheet(None, _NO_RUNS, runs=shown)
    lines = []
    for model, of_model in attacks.items():
        pictures = attack_pictures(runs, of_model, strength)
        lines.append((f"{model.series}\nβ = {model.beta:g}", _numbers(pictures), pictures))
    canvas, scale = attack_figure(lines)
    return Sheet(canvas, _attack_caption(strength, pair, by_all, scale), runs=shown)


def _numbers(pictures: Pictures) -> str:
    gap = "not told apart" if pictures.gap is None else f"gap {pictures.gap:.2f}"
    return f"‖d‖ {100 * pictures.distance:.0f} %\n{gap}"


def _attack_caption(strength: str, pair: int, by_all: bool, scale: float) -> str:
    choice = (
        "the attack of smallest Δ over λ, which is the one of the smallest λ, as in the paper"
        if strength == "paper"
        else f"the smallest gap found with ‖d‖ ≤ {EPSILON:g}·‖xₜ − x‖"
    )
    which = (
        f"Pair {pair + 1}, the first that all models tell apart"
        if by_all
        else f"Pair {pair + 1}; no pair is told apart by all models"
    )
    return (
        f"{which}; {choice}. ‖d‖ in units of ‖xₜ − x‖. Gap 0: the reconstruction is the target's; "
        f"1: it is unchanged. Distortion: blue darker, orange brighter, full colour ±{scale:.2g}."
    )


def draw_reconstructions(rows: Rows, runs: Path) -> Sheet:
    """One block per data set: test images above their reconstructions by each model."""
    models = choose_runs(rows)
    shown = tuple(model.run for model in models)
    if not all((runs / run).is_dir() for run in shown):
        return Sheet(None, _NO_RUNS, runs=shown)
    betas = least_middle_most(model.beta for model in models)
    blocks: dict[str, list[ShownModel]] = {}
    for model in models:
        if model.beta in betas:
            blocks.setdefault(model.panel, []).append(model)
    strips = list(zip_longest(*(_strips(block, runs) for block in blocks.values())))
    tile, left = (_STRIP, _STRIP / _IMAGES), _LEFT * len(blocks)
    grid = picture_grid([verbatim(panel) for panel in blocks], strips, tile, left)
    return Sheet(grid, _CLEAN, runs=shown)


def _strips(models: Sequence[ShownModel], runs: Path) -> list[Picture]:
    """Test images, and their reconstructions by each model."""
    x, _ = reconstructions_of(runs / models[0].run, _IMAGES)
    strips = [Picture(side_by_side(x, bounds_of(runs / models[0].run)), "test images")]
    for model in models:
        _, images = reconstructions_of(runs / model.run, _IMAGES)
        strip = side_by_side(images, bounds_of(runs / model.run))
        strips.append(Picture(strip, f"{model.series}, β = {model.beta:g}", model.size))
    return strips
