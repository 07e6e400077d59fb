"""What each defence costs: training steps, steps of a hardening, and reconstructions of wrappers.

    python -m benchmarks.defences --json

Batch 64 of 64×64 grey images, filters 16 16 32 32, 128 features, 32 units. A defence and its
reference take turns in one process on one thread; a ratio is that of the median CPU times. The
references are a training step of the plain VAE, for hardenings also, and its reconstruction without
gradient. Goal: `denoising-adversarial` with one step costs at most 2.2 plain steps.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import partial
from statistics import median
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.machine import machine
from seatbelt_vae.config import DataConfig, ModelConfig, ObjectiveConfig, RunConfig, TrainingConfig
from seatbelt_vae.config.hardening import HardeningConfig
from seatbelt_vae.config.training_defences import TRAINING_DEFENCES
from seatbelt_vae.config.wrappers import WRAPPERS, full_name
from seatbelt_vae.data import ImageData
from seatbelt_vae.data.dataset import random_split
from seatbelt_vae.defences import defended
from seatbelt_vae.evaluation import reconstruct
from seatbelt_vae.hardening.encoder_weights import EncoderWeights
from seatbelt_vae.hardening.hardener import Hardener
from seatbelt_vae.hardening.hardening_loss import HardeningLoss
from seatbelt_vae.protocol import Autoencoder
from seatbelt_vae.training.trainer import Trainer

BATCH, WARM = 64, 2
VARIANTS: dict[str, dict[str, Any]] = {
    "denoising-adversarial, 3 steps": {"defence_steps": 3},
    "denoising-adversarial, 10 steps": {"defence_steps": 10},
    "coupled-encoder, delusion": {"coupling_source": "delusion"},
    "coupled-encoder, gaussian": {"coupling_source": "gaussian"},
}
"""Settings beside the defaults of each training defence."""
HARDENINGS = {
    "encoder-hardening": HardeningConfig(),
    "encoder-hardening, 1 step": HardeningConfig(inner_steps=1),
    "encoder-hardening, codes": HardeningConfig(objective="codes"),
}
LIPSCHITZ = "lipschitz network"


@dataclass(frozen=True)
class Cost:
    """One row.

    Args:
        kind: ``training step``, ``hardening step`` or ``reconstruction``.
        defence: the defence and its settings.
        seconds: the median with the defence.
        ratio: over the median of the reference.
    """

    kind: str
    defence: str
    seconds: float
    ratio: float


def noise_images() -> ImageData:
    """Random images: durations do not depend on their content."""
    images = np.random.default_rng(0).uniform(-1, 1, (1024, 1, 64, 64)).astype(np.float32)
    return ImageData(
        "noise", (-1.0, 1.0), (1, 64, 64), *random_split(len(images), lambda i: images[i])
    )


def trainer(data: ImageData, objective: ObjectiveConfig, *, lipschitz: bool = False) -> Trainer:
    """A plain VAE with an objective."""
    model = ModelConfig("vae", latent_sizes=(32,), filters=(16, 16, 32, 32), features=128)
    if lipschitz:
        model = replace(model, network="lipschitz", lipschitz_constants=(0.5, 2.0))
    training = TrainingConfig(batch_size=BATCH, steps=1000, device="cpu", threads=1)
    return Trainer(RunConfig(DataConfig(data.name), model, objective, training), data)


def in_turns(plain: Callable[[int], object], other: Callable[[int], object], times: int) -> Cost:
    """The medians of two functions of the number of a call, from 1."""
    spent: tuple[list[float], list[float]] = [], []
    for call in range(1, WARM + times + 1):
        for function, seconds in zip((plain, other), spent, strict=True):
            start = time.process_time()
            function(call)
            seconds.append(time.process_time() - start)
    reference, found = (median(seconds[WARM:]) for seconds in spent)
    return Cost("", "", found, found / reference)


def training_costs(data: ImageData, times: int) -> Iterator[Cost]:
    """A step with each training defence, and of a Lipschitz network."""
    plain = trainer(data, ObjectiveConfig())
    x = next(iter(plain.batches.images(1, 1)))
    objectives = {name: ObjectiveConfig(defence=(name,)) for name in TRAINING_DEFENCES}
    for name, settings in VARIANTS.items():
        objectives[name] = replace(objectives[name.partition(",")[0]], **settings)
    others = {name: trainer(data, objective) for name, objective in objectives.items()}
    others[LIPSCHITZ] = trainer(data, ObjectiveConfig(), lipschitz=True)
    for name, other in others.items():
        found = in_turns(partial(plain.step, x=x), partial(other.step, x=x), times)
        yield replace(found, kind="training step", defence=name)


def hardening_costs(data: ImageData, times: int) -> Iterator[Cost]:
    """A step of a hardening."""
    plain = trainer(data, ObjectiveConfig())
    x = next(iter(plain.batches.images(1, 1)))
    for name, config in HARDENINGS.items():
        model: Autoencoder = trainer(data, ObjectiveConfig()).model.eval()
        hardener = Hardener(HardeningLoss.of(model, EncoderWeights.of(model, x), config, x), config)
        step = partial(hardener.step, steps=1000, x=x)
        found = in_turns(partial(plain.step, x=x), step, times)
        yield replace(found, kind="hardening step", defence=name)


def wrapper_costs(data: ImageData, times: int) -> Iterator[Cost]:
    """A reconstruction behind each defence at inference."""
    model: Autoencoder = trainer(data, ObjectiveConfig()).model.eval()
    x = data.test.batch(np.arange(BATCH))
    for name in map(full_name, WRAPPERS):
        behind = partial(reconstruct_once, defended(model, name), x)
        found = in_turns(partial(reconstruct_once, model, x), behind, times)
        yield replace(found, kind="reconstruction", defence=name)


def reconstruct_once(model: Autoencoder, x: Tensor, _call: int) -> Tensor:
    """The reconstruction of a batch."""
    return reconstruct(model, x, batch=BATCH)


def main() -> None:
    """Print the rows."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", help="one JSON object, else a table")
    parser.add_argument("--steps", type=int, default=25, help="timed calls of each kind")
    options = parser.parse_args()
    torch.set_num_threads(1)
    data = noise_images()
    rows = [
        row
        for costs in (training_costs, hardening_costs, wrapper_costs)
        for row in costs(data, options.steps)
    ]
    if options.json:
        print(json.dumps({"machine": machine(), "rows": [asdict(row) for row in rows]}))
        return
    for row in rows:
        print(f"{row.kind:16} {row.defence:34} {1000 * row.seconds:7.0f} ms {row.ratio:7.2f} ×")


if __name__ == "__main__":
    main()
