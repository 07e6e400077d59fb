"""A small run as this version writes it, attacked and evaluated, and what its model answers.

``python -m tests.runs.written_run`` writes it for the version at hand, once, when that version is
released; what is there is never written again.
"""

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

import seatbelt_vae
from seatbelt_vae.attacks import PairsDone, run_suite
from seatbelt_vae.config import (
    AttackConfig,
    DataConfig,
    EvaluationConfig,
    ModelConfig,
    ObjectiveConfig,
    RunConfig,
    TrainingConfig,
)
from seatbelt_vae.data import ImageData, load_data
from seatbelt_vae.evaluation import evaluate, measure_suite
from seatbelt_vae.models import HierarchicalVAE, load_model
from seatbelt_vae.protocol import draw_noise
from seatbelt_vae.runs import RunFolder, write_tensors
from seatbelt_vae.training import train

__all__ = [
    "ANSWERS",
    "CONFIG",
    "EVALUATION",
    "HALF",
    "WHOLE",
    "WRITTEN_BY",
    "answers_to",
    "questions",
    "swiss_roll",
    "write_measures",
    "write_run",
]

WRITTEN_BY = Path(__file__).parent / "written_by"
"""One folder a version: ``run``, the same model ``shared``, and what it answers."""

ANSWERS = "answers.safetensors"

CONFIG = RunConfig(
    data=DataConfig("swiss-roll", images=100),
    model=ModelConfig(
        "seatbelt",
        latent_sizes=(3, 2),
        network="mlp",
        features=8,
        hierarchy_widths=(5,),
        variance=0.2,
    ),
    objective=ObjectiveConfig(beta=3.0, free_bits=0.05, tc_warm_up=4),
    training=TrainingConfig(steps=12, batch_size=20, device="cpu", threads=1, seed=7),
)

WHOLE = AttackConfig(
    pairs=2,
    weight_count=3,
    restarts=1,
    max_evaluations=20,
    gradient_free=0,
    fresh_draws=4,
    threads=1,
)
"""A suite that is attacked and measured."""

HALF = replace(WHOLE, loss="output", strength="single", draws=2, pairs=3)
"""A suite that is stopped after its first pair."""

EVALUATION = EvaluationConfig(
    images=8,
    iwae_draws=4,
    aggregate_queries=5,
    traversals=1,
    optional_metrics=("codes", "denoising", "downstream"),
    downstream_training=40,
    downstream_images=2,
    downstream_strengths=("single",),
    downstream_evaluations=5,
    batch_size=8,
    threads=1,
)


class _StopError(Exception):
    """Ends a suite before its last pair."""


def swiss_roll() -> ImageData:
    """The run's data set."""
    return load_data("swiss-roll", images=100)


def write_run(folder: Path) -> RunFolder:
    """Train the small run in ``folder``."""
    run = RunFolder.create(folder, CONFIG)
    train(run, swiss_roll())
    return run


def write_measures(run: RunFolder) -> None:
    """Attack and evaluate a run; the second suite has one pair of three."""

    def stop(now: PairsDone) -> None:
        if now.done == 1:
            raise _StopError

    measure_suite(run_suite(run, swiss_roll(), WHOLE), load_model(run))
    with suppress(_StopError):
        run_suite(run, swiss_roll(), HALF, on_pairs=stop)
    evaluate(run, swiss_roll(), EVALUATION)


def questions() -> dict[str, Tensor]:
    """Images, and noise for every layer, that a model is asked about."""
    generator = torch.Generator().manual_seed(0)
    like = torch.linspace(-1, 1, 10, dtype=torch.float64).reshape(5, 1, 1, 2)
    noise = draw_noise(CONFIG.model.latent_sizes or (), (5,), generator, like=like)
    return {"images": like, **{f"noise.{layer}": eps for layer, eps in enumerate(noise)}}


@torch.no_grad()
def answers_to(asked: dict[str, Tensor], model: HierarchicalVAE) -> dict[str, Tensor]:
    """What the model makes of them, in float64 so that processors agree on the digits."""
    model = model.double().eval()
    posterior = model.encode(
        asked["images"], [asked[f"noise.{layer}"] for layer in range(len(model.latent_sizes))]
    )
    found = {"decoded": model.decode(posterior.z).mean}
    for name, chain in (("posterior", posterior.layers), ("prior", model.prior(posterior.z))):
        for layer, conditional in enumerate(chain):
            found[f"{name}.{layer}.mean"] = conditional.mean
            found[f"{name}.{layer}.log_variance"] = conditional.log_variance
    return found


if __name__ == "__main__":
    import shutil

    place = WRITTEN_BY / seatbelt_vae.__version__
    made = write_run(place / "run")
    for grown in ("checkpoints", "metrics"):
        shutil.rmtree(made.path / grown)
    write_measures(made)
    for lock in [*made.path.rglob(".lock"), *made.path.rglob(".measuring")]:
        lock.unlink()
    model = load_model(made)
    model.save_pretrained(place / "shared")
    asked = questions()
    write_tensors(place / ANSWERS, asked | answers_to(asked, model))
