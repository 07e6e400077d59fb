"""Makes the figures of training.md, by training small models on dSprites in a folder.

python -m docs.figures.training runs/docs
"""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from docs.figures.style import COLOURS, DOCS, legend, plot, plots

from seatbelt_vae import (
    DataConfig,
    Job,
    ModelConfig,
    ObjectiveConfig,
    RunConfig,
    RunFolder,
    TrainingConfig,
    run_sweep,
)
from seatbelt_vae.demo import DEMO
from seatbelt_vae.runs import read_rows

Row = dict[str, Any]

BETAS = (1.0, 2.0, 4.0, 8.0, 16.0)
SMALL = DEMO.models["vae"]
DEEP = replace(SMALL, preset="hvae", latent_sizes=(24, 12, 6))
# images weigh so little that a unit hardly pays
FAINT = replace(DEEP, variance=4.0)
TRAINING = TrainingConfig(steps=1000, batch_size=64, learning_rate=3e-3, validate_every=20)


def job(model: ModelConfig, training: TrainingConfig = TRAINING, **objective: Any) -> Job:
    """One small run."""
    return Job(RunConfig(DataConfig("dsprites"), model, ObjectiveConfig(**objective), training))


def metrics(run: RunFolder, split: str) -> list[Row]:
    """Rows of one split."""
    return [row for row in read_rows(run.path / "metrics") if row["split"] == split]


def draw_beta(folder: Path) -> None:
    """What β costs, and what it buys."""
    presets = ("beta-vae", "beta-tcvae", "seatbelt")
    models = {name: replace(DEEP if name == "seatbelt" else SMALL, preset=name) for name in presets}
    jobs = {
        f"{name}-{beta:g}": job(model, beta=beta)
        for name, model in models.items()
        for beta in BETAS
    }
    runs = run_sweep(folder / "beta", jobs).runs
    figure, axes = plot(
        "What β costs: the likelihood of held-out images", "β", "E log p(x|z), nats an image"
    )
    for colour, name in zip(COLOURS, presets, strict=False):
        last = [metrics(runs[f"{name}-{beta:g}"], "validation")[-1] for beta in BETAS]
        values = [row["log_likelihood"] for row in last]
        axes.plot(BETAS, values, color=colour, marker="o", markersize=4, linewidth=2, label=name)
    axes.set_xscale("log", base=2)
    axes.set_xticks(BETAS, [f"{beta:g}" for beta in BETAS])
    legend(axes)
    figure.savefig(DOCS / "training_beta.png")


def draw_collapse(folder: Path) -> None:
    """Active units of each layer where images weigh little, and what keeps them."""
    ways = {"nothing": {"free_bits": 0.0}, "free bits": {}, "warm-up": {"kl_warm_up": 500}}
    ways["warm-up"]["free_bits"] = 0.0
    jobs = {name: job(FAINT, **way) for name, way in ways.items()}
    runs = run_sweep(folder / "collapse", jobs).runs
    sizes = FAINT.latent_sizes or ()
    titles = [f"Layer {layer}: {size} units" for layer, size in enumerate(sizes, start=1)]
    figure, panels = plots(titles, "step", "active units", wide=8.4)
    for colour, (name, run) in zip(COLOURS, runs.items(), strict=False):
        rows = metrics(run, "validation")
        for layer, axes in enumerate(panels, start=1):
            axes.plot(
                [row["step"] for row in rows],
                [row[f"active_{layer}"] for row in rows],
                color=colour,
                linewidth=2,
                label=name,
            )
    for size, axes in zip(sizes, panels, strict=True):
        axes.set_ylim(0, size * 1.05)
    legend(panels[0])
    figure.savefig(DOCS / "training_collapse.png")


def draw_precision(folder: Path) -> None:
    """Three seeds in float32 and in bf16."""
    jobs = {
        f"{precision}-{seed}": job(
            replace(SMALL, preset="beta-tcvae"),
            replace(TRAINING, precision=precision, seed=seed),
        )
        for precision in ("float32", "bf16")
        for seed in range(3)
    }
    runs = run_sweep(folder / "precision", jobs).runs
    figure, axes = plot("bf16 keeps the ELBO: three seeds each", "step", "ELBO, nats an image")
    for colour, precision in zip(COLOURS, ("float32", "bf16"), strict=False):
        for seed in range(3):
            rows = metrics(runs[f"{precision}-{seed}"], "validation")[3:]
            axes.plot(
                [row["step"] for row in rows],
                [row["elbo"] for row in rows],
                color=colour,
                linewidth=1.5,
                label=precision if seed == 0 else None,
            )
    legend(axes)
    figure.savefig(DOCS / "training_precision.png")


def main(folder: Path) -> None:
    """Train what is not trained yet, and draw."""
    draw_beta(folder)
    draw_collapse(folder)
    draw_precision(folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
