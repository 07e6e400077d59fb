"""Figures for papers and READMEs."""

import io
from collections.abc import Sequence
from pathlib import Path

from seatbelt_vae.errors import ArtifactError
from seatbelt_vae.report.collect import Run, collect, leading_suite
from seatbelt_vae.report.drawing.images import AttackedPair, attack_figure
from seatbelt_vae.report.drawing.style import MUTED, verbatim
from seatbelt_vae.report.image_panels import attacked_pair
from seatbelt_vae.runs import atomic_write

__all__ = ["attack_panel", "write_attack_figure"]

_TILE = 1.15  # inches


def attack_panel(
    folders: Sequence[Path], out: Path, *, pair: int = 0, epsilon: float = 0.2
) -> Path:
    """Draw one attacked pair as in figure 1 of the paper, one row per model, and write it as PNG.

    All distortions share one colour scale: blue is darker, orange brighter than the input.

    Args:
        folders: run folders with a measured suite, one per row.
        out: path of the PNG file.
        pair: index of the pair, 0-based.
        epsilon: budget ε.

    Raises:
        ArtifactError: a run without a measured suite, or without that pair or budget.
    """
    runs = collect(folders)
    name = leading_suite(runs)
    rows = [(verbatim(run.name), *_attacked(run, name, pair, epsilon)) for run in runs]
    return write_attack_figure(rows, epsilon, out, f"; pair {pair + 1}")


def write_attack_figure(
    rows: Sequence[tuple[str, str, AttackedPair]], epsilon: float, out: Path, note: str = ""
) -> Path:
    """Write attacked pairs as PNG, one row per label, with the budget below them.

    Args:
        rows: label, note in smaller type, and images of each row.
        epsilon: budget ε of the attacks.
        out: path of the PNG file.
        note: words after the budget.
    """
    figure, scale = attack_figure(rows, _TILE)
    budget = f"‖d‖ ≤ {epsilon:g}·‖xₜ − x‖"
    colours = f"distortion colours span ±{scale:.2g} (blue darker, orange brighter)"
    figure.supxlabel(f"{budget}; {colours}{note}", fontsize=7.5, color=MUTED)
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=160)
    atomic_write(out, picture.getvalue())
    return out


def _attacked(run: Run, name: str | None, pair: int, epsilon: float) -> tuple[str, AttackedPair]:
    """A note on the share of the way to the target, and the images of one budget."""
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
    images = attacked_pair(run, measured, pair, k)
    return f"{100 - 100 * (1.0 if gap is None else gap):.0f} % of the way", images
