"""The training loop."""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import lru_cache

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from torch import Tensor
from torch.nn.utils import convert_conv2d_weight_memory_format, get_total_norm
from torch.optim import Adam

from seatbelt_vae.config import RunConfig, TrainingConfig, resolve
from seatbelt_vae.data import ImageData
from seatbelt_vae.data.dataset import Indices, Split
from seatbelt_vae.errors import ConfigError
from seatbelt_vae.models import HierarchicalVAE, load_model, save_model
from seatbelt_vae.objectives import Objective
from seatbelt_vae.protocol import draw_noise
from seatbelt_vae.randomness import generator_for
from seatbelt_vae.runs import RunFolder, digest_of
from seatbelt_vae.training.checkpoint import Checkpoint, Conditions
from seatbelt_vae.training.health import Health
from seatbelt_vae.training.metrics import Metrics
from seatbelt_vae.training.progress import Clock, Progress

__all__ = ["train"]

_WEIGHTS, _ORDER, _NOISE, _VALIDATION = range(4)
_VALIDATION_IMAGES = 512


def train(
    folder: RunFolder,
    data: ImageData,
    *,
    on_progress: Callable[[Progress], None] | None = None,
    stop: Callable[[], bool] | None = None,
) -> HierarchicalVAE:
    """Train the model that a run folder's settings describe; continue where it was left.

    Adam with a cosine decay of the learning rate to 0. On the CPU a run that was stopped or killed
    at any step and started again ends in the same weights, bit for bit, as one that was not.

    Args:
        folder: a run folder, new or with checkpoints of the same settings.
        data: the data set the settings name.
        on_progress: called after every step.
        stop: asked after every step; if true, a checkpoint is written and the model returned as
            it is, unfinished.

    Raises:
        ConfigError: settings that do not fit the data.
        DivergenceError: a term or the gradient is not finite, or the objective runs away.
        ArtifactError: the disk is full, or the checkpoints are corrupt.
        ForeignStateError: checkpoints of other settings or data.
    """
    run = _Run.start(folder, data)
    step = run.checkpoint.restore(run.model, run.optimizer, run.conditions)
    metrics, health = Metrics(folder.path / "metrics", step), Health()
    if step >= run.steps and (folder.path / "model.safetensors").exists():
        return load_model(folder)
    folder.write_json("model.json", asdict(run.model.architecture))
    clock = Clock(run.config.batch_size, step)
    while step < run.steps:
        step += 1
        terms = run.step(step, health)
        metrics.add(step, "train", **terms)
        if step % run.config.validate_every == 0 or step == run.steps:
            metrics.add(step, "validation", **run.validate())
        if on_progress is not None:
            on_progress(clock.progress(step, run.steps, terms))
        stopping = stop is not None and stop()
        if stopping or step % run.config.checkpoint_every == 0 or step == run.steps:
            metrics.flush(step)
            run.checkpoint.save(step, run.model, run.optimizer, run.conditions)
        if stopping and step < run.steps:
            return run.model.eval()
    save_model(run.model, folder)
    return run.model.eval()


@dataclass(frozen=True)
class _Run:
    """Everything that stays the same from step to step."""

    config: TrainingConfig
    data: ImageData
    model: HierarchicalVAE
    objective: Objective
    optimizer: Adam
    accelerator: Accelerator
    checkpoint: Checkpoint
    conditions: Conditions
    steps: int

    @classmethod
    def start(cls, folder: RunFolder, data: ImageData) -> "_Run":
        settings, config = folder.config, folder.config.training
        architecture = resolve(settings.model, data.name, data.image_shape, data.bounds)
        per_epoch = len(data.train) // config.batch_size
        if per_epoch == 0:
            raise ConfigError(
                f"batch_size {config.batch_size} is more than the {len(data.train)} training "
                f"images: use a smaller batch"
            )
        # accelerate keeps one state a process; a second run may want another precision
        AcceleratorState._reset_state(reset_partial_state=True)
        accelerator = Accelerator(
            cpu=config.device == "cpu",
            mixed_precision="no" if config.precision == "float32" else "bf16",
        )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(generator_for(config.seed, _WEIGHTS).initial_seed())
            model = HierarchicalVAE(architecture)
        model = convert_conv2d_weight_memory_format(
            model.to(accelerator.device), torch.channels_last
        )
        optimizer = Adam(model.parameters(), lr=config.learning_rate, fused=True)
        objective = Objective.of(
            settings.model.preset, settings.objective, architecture.depth, len(data.train)
        )
        return cls(
            config=config,
            data=data,
            model=model,
            objective=objective,
            optimizer=optimizer,
            accelerator=accelerator,
            checkpoint=Checkpoint(folder.path / "checkpoints", _digest(settings, data)),
            conditions=Conditions.here(accelerator.device, config.precision),
            steps=config.steps or config.epochs * per_epoch,
        )

    def step(self, step: int, health: Health) -> dict[str, float]:
        """One step of the optimiser; returns its terms, nats per example."""
        self.model.train()
        rate = 0.5 * self.config.learning_rate * (1 + math.cos(math.pi * (step - 1) / self.steps))
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        positions = self._positions(step)
        x = self._images(self.data.train, positions)
        noise = draw_noise(
            self.model.latent_sizes,
            (len(x),),
            generator_for(self.config.seed, _NOISE, step),
            like=x,
        )
        with self.accelerator.autocast():
            terms = self.objective(self.model, x, noise, step)
        self.optimizer.zero_grad()
        self.accelerator.backward(-terms.objective)
        named = terms.named()
        gradients = [p.grad for p in self.model.parameters() if p.grad is not None]
        named["gradient_norm"] = get_total_norm(gradients)
        values = torch.stack([v.detach() for v in named.values()]).tolist()
        read = dict(zip(named, values, strict=True))
        chosen = self.data.train.indices[positions]
        health.check(step, read, f"images {', '.join(map(str, chosen[:3]))}, …")
        self.optimizer.step()
        return {**read, "learning_rate": rate}

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """The ELBO and its parts on fixed held-out images and noise."""
        self.model.eval()
        x = self._images(self.data.test, np.arange(min(_VALIDATION_IMAGES, len(self.data.test))))
        noise = draw_noise(self.model.latent_sizes, (len(x),), generator_for(_VALIDATION), like=x)
        with self.accelerator.autocast():
            terms = Objective("elbo", 1.0, 0.0, "unit", "mws", len(x))(self.model, x, noise)
        return {name: float(value) for name, value in terms.named().items()}

    def _positions(self, step: int) -> Indices:
        """Which training images step ``step`` (from 1) sees: a permutation an epoch, in batches."""
        size = self.config.batch_size
        epoch, batch = divmod(step - 1, len(self.data.train) // size)
        order = _epoch_order(self.config.seed, epoch, len(self.data.train))
        return order[batch * size : (batch + 1) * size]

    def _images(self, split: Split, positions: Indices) -> Tensor:
        x = split.batch(positions).to(self.accelerator.device, non_blocking=True)
        return x.contiguous(memory_format=torch.channels_last)


def _digest(settings: RunConfig, data: ImageData) -> str:
    return digest_of({"settings": asdict(settings), "train": len(data.train), "data": data.name})


@lru_cache(maxsize=2)
def _epoch_order(seed: int, epoch: int, count: int) -> Indices:
    key = np.random.SeedSequence((seed, _ORDER, epoch))
    order: Indices = np.random.Generator(np.random.Philox(key)).permutation(count)
    return order
