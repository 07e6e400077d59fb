"""Figures for papers and READMEs, drawn by matplotlib without any global state."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from torch import Tensor

from seatbelt_vae.errors import ArtifactError
from seatbelt_vae.report.collect import Run, collect, leading_suite

__all__ = ["attack_panel"]

COLUMNS = (
    "input",
    "reconstruction",
    "distortion",
    "adversarial\ninput",
    "its\nreconstruction",
    "target",
)
_DISTORTION = 2
_LEFT, _TOP, _FOOT, _TILE, _SPACE = 1.35, 0.45, 0.32, 1.15, 0.05  # inches, and a share
_INK, _MUTED = "#1f2328", "#6b7078"


def attack_panel(
    folders: Sequence[Path], out: Path, *, pair: int = 0, epsilon: float = 0.2
) -> Path:
    """Draw one attacked pair as in figure 1 of the paper, a row a model, and write it as PNG.

    Distortions share one scale, stated below: blue is darker, red brighter than the input.

    Args:
        folders: run folders with a measured suite, one row each.
        out: the PNG file.
        pair: which pair, from 0.
        epsilon: which budget.

    Raises:
        ArtifactError: a run without a measured suite, or without that pair or budget.
    """
    runs = collect(folders)
    name = leading_suite(runs)
    rows = [_images(run, name, pair, epsilon) for run in runs]
    scale = max(float(images[_DISTORTION].abs().max()) for _, images in rows)
    width, height = _LEFT + _TILE * len(COLUMNS), _TOP + _TILE * len(rows) + _FOOT
    figure = Figure(figsize=(width, height), dpi=160, facecolor="white")
    FigureCanvasAgg(figure)
    grid = figure.subplots(len(rows), len(COLUMNS), squeeze=False)
    for line, (run, (moved, images)) in enumerate(zip(runs, rows, strict=True)):
        for column, image in enumerate(images):
            signed = column == _DISTORTION
            bounds = (-scale, scale) if signed else _bounds(run)
            _show(grid[line, column], image, bounds, "RdBu_r" if signed else "gray")
            if line == 0:
                grid[0, column].set_title(COLUMNS[column], fontsize=9, color=_INK)
        label = f"{run.name}\n{moved * 100:.0f} % of the way"
        grid[line, 0].set_ylabel(label, fontsize=9, color=_INK, rotation=0, ha="right", va="center")
    figure.subplots_adjust(_LEFT / width, _FOOT / height, 0.997, 1 - _TOP / height, _SPACE, _SPACE)
    note = (
        f"‖d‖ ≤ {epsilon:g}·‖xₜ − x‖; distortion colours span ±{scale:.2g} "
        f"(blue darker, red brighter); pair {pair + 1}"
    )
    figure.text(_LEFT / width, 0.1 / height, note, fontsize=7.5, color=_MUTED)
    out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out)
    return out


def _images(run: Run, name: str | None, pair: int, epsilon: float) -> tuple[float, list[Tensor]]:
    """How far the reconstruction moved, and the six pictures of a row."""
    suite = run.suites.get(name or "")
    if suite is None or suite.measured is None:
        raise ArtifactError(f"{run.folder} has no measured suite: run `seatbelt-vae attack` on it")
    measured = suite.measured
    epsilons = sorted({row["epsilon"] for row in measured.budgets})
    pictured = len(measured.pictures["x"])
    if not 0 <= pair < pictured or epsilon not in epsilons:
        raise ArtifactError(
            f"{suite.folder} has no picture of pair {pair} at budget {epsilon:g}: expected a "
            f"pair below {pictured} and a budget of {', '.join(f'{e:g}' for e in epsilons)}"
        )
    number, k = measured.pairs[pair]["pair"], epsilons.index(epsilon)
    gap = next(
        row["gap"]
        for row in measured.budgets
        if row["pair"] == number and row["epsilon"] == epsilon
    )
    found = {name: images[pair] for name, images in measured.pictures.items()}
    adversarial = found["adversarial"][k]
    return 1 - (gap if gap is not None else 1.0), [
        found["x"],
        found["reconstruction_x"],
        (adversarial - found["x"]).mean(0, keepdim=True),
        adversarial,
        found["reconstruction"][k],
        found["target"],
    ]


def _show(axes: Axes, image: Tensor, bounds: tuple[float, float], colours: str) -> None:
    low, high = bounds
    pixels = ((image - low) / (high - low)).clamp(0, 1).movedim(0, -1).squeeze(-1).numpy()
    axes.imshow(pixels, cmap=colours, vmin=0, vmax=1)
    axes.set_xticks([])
    axes.set_yticks([])
    for side in axes.spines.values():
        side.set_color("#c9ccd1")


def _bounds(run: Run) -> tuple[float, float]:
    low, high = run.architecture["bounds"] if run.architecture else (-1.0, 1.0)
    return low, high
