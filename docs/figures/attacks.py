"""Makes the figures of attacks.md from one trained run.

python -m docs.figures.attacks runs/demo/vae
"""

import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from docs.figures.style import COLOURS, DOCS, MUTED, legend, plot

from seatbelt_vae import AttackConfig, RunFolder, load_data, load_model, measure_suite, run_suite
from seatbelt_vae.parallel.process_settings import tune_process
from seatbelt_vae.runs import read_rows

Row = dict[str, Any]

PAIRS = 5


def attacked(run: RunFolder, config: AttackConfig) -> list[Row]:
    """The rows of a suite with their measures."""
    data = load_data(run.config.data.name, image_size=run.config.data.image_size)
    folder = run_suite(run, data, config)
    measure_suite(folder, load_model(run))
    rows, measures = read_rows(folder, "pair-*.parquet"), read_rows(folder / "measures")
    return [row | more for row, more in zip(rows, measures, strict=True)]


def mean(rows: list[Row], column: str) -> tuple[np.ndarray, np.ndarray]:
    """Mean over pairs of a column at every relative level."""
    levels = np.array([row["level_relative"] for row in rows]).reshape(PAIRS, -1)
    values = np.array([row[column] for row in rows], dtype=float).reshape(PAIRS, -1)
    return np.exp(np.log(levels).mean(0)), values.mean(0)


def draw_penalty(run: RunFolder) -> None:
    """Δ/r₀ and what controls reach, against the relative weight."""
    title = "What an attack gains over the trivial bound"
    figure, axes = plot(title, "relative weight λ‖xₜ − x‖ / r₀", "share of r₀")
    strong = attacked(run, AttackConfig(pairs=PAIRS))
    for row in strong:
        for name in ("delta", "divergence", "bound", "delta_noise"):
            row[name] /= row["divergence_start"]
    levels, bound = mean(strong, "bound")
    axes.plot(levels, bound, color=MUTED, linewidth=1, label="trivial bound B: no attack needed")
    axes.plot(*mean(strong, "delta_noise"), color=MUTED, linestyle=":", label="random noise")
    axes.plot(*mean(strong, "delta"), color=COLOURS[0], linewidth=2, label="Δ of the strong attack")
    axes.plot(
        *mean(strong, "divergence"),
        color=COLOURS[1],
        linestyle="--",
        label="r left by it, Δ − λ‖d‖",
    )
    axes.set_xscale("log", base=2)
    axes.set_ylim(0, 1.05)
    legend(axes)
    figure.savefig(DOCS / "attack_curve.png")


def draw_losses(run: RunFolder) -> None:
    """The gap that each loss reaches within each budget."""
    figure, axes = plot("Which loss moves the reconstruction", "budget ε = ‖d‖ / ‖xₜ − x‖", "gap")
    budgets = (0.0, 0.5)
    axes.plot(budgets, [1 - e for e in budgets], color=MUTED, linewidth=1, label="identity: 1 − ε")
    for colour, loss in zip(COLOURS, ("latent-kl", "output", "output-l2"), strict=False):
        rows = attacked(run, AttackConfig(loss=loss, threat="l2", pairs=PAIRS))
        levels, gap = mean(rows, "gap")
        axes.plot(
            [0, *levels], [1, *gap], color=colour, marker="o", markersize=4, linewidth=2, label=loss
        )
    axes.set_xlim(0, 0.52)
    axes.set_ylim(0, 1.05)
    legend(axes)
    figure.savefig(DOCS / "attack_losses.png")


def main(path: Path) -> None:
    """Attack a copy of the run, and draw."""
    tune_process(1)
    with tempfile.TemporaryDirectory() as place:
        copy = Path(place) / "run"
        shutil.copytree(path, copy, ignore=shutil.ignore_patterns("attacks", "checkpoints"))
        run = RunFolder.open(copy)
        draw_penalty(run)
        draw_losses(run)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
