"""How a model is trained: length, batch, learning rate, precision, seed, checkpoints."""

from dataclasses import dataclass
from typing import Literal

from seatbelt_vae.config.checks import at_least, one_of, positive
from seatbelt_vae.errors import ConfigError

__all__ = ["SPEED_ONLY", "TRACKERS", "TrainingConfig"]

TRACKERS = ("tensorboard", "wandb", "mlflow", "trackio")

SPEED_ONLY = ("device", "threads", "checkpoint_every", "trackers")
"""Settings that affect no weights, up to rounding; a resumed run may change them."""


@dataclass(frozen=True)
class TrainingConfig:
    """The training run with Adam.

    Args:
        epochs: passes over the training split; ignored if `steps` is given.
        steps: optimiser steps (default: those of the epochs).
        batch_size: images per step over all processes; a shorter last batch is dropped.
        learning_rate: learning rate of Adam at the first step.
        schedule: learning rate of the later steps, `cosine` decay to 0 at the last step or
            `constant`; a constant run can be extended without a difference.
        gradient_clip: largest norm of the gradient of all weights; a longer gradient is scaled down
            to it, which hierarchical models on large images may need (default: no limit).
        precision: `float32`, or autocast to `bf16`.
        seed: seed of the weights, the order of the data and the noise.
        checkpoint_every: steps between checkpoints.
        validate_every: steps between evaluations of the ELBO on held-out images.
        device: `auto` (a GPU if available), `cpu` or `cuda`.
        threads: CPU threads (default: PyTorch's choice).
        ema_decay: store the exponential moving average of the weights with this decay, such as
            0.999 (default: no average).
        trackers: experiment trackers that receive the metrics: tensorboard, wandb, mlflow, trackio
            (default: none).
    """

    epochs: int = 50
    steps: int | None = None
    batch_size: int = 1024
    learning_rate: float = 1e-3
    schedule: Literal["cosine", "constant"] = "cosine"
    gradient_clip: float | None = None
    precision: Literal["float32", "bf16"] = "float32"
    seed: int = 0
    checkpoint_every: int = 500
    validate_every: int = 500
    device: Literal["auto", "cpu", "cuda"] = "auto"
    threads: int | None = None
    ema_decay: float | None = None
    trackers: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        positive("epochs", self.epochs)
        if self.steps is not None:
            positive("steps", self.steps)
        at_least("batch_size", self.batch_size, 2)
        positive("learning_rate", self.learning_rate)
        one_of("schedule", self.schedule, ("cosine", "constant"))
        if self.gradient_clip is not None:
            positive("gradient_clip", self.gradient_clip)
        one_of("precision", self.precision, ("float32", "bf16"))
        at_least("seed", self.seed, 0)
        positive("checkpoint_every", self.checkpoint_every)
        positive("validate_every", self.validate_every)
        one_of("device", self.device, ("auto", "cpu", "cuda"))
        if self.threads is not None:
            positive("threads", self.threads)
        if self.ema_decay is not None and not 0 < self.ema_decay < 1:
            raise ConfigError(f"ema_decay is {self.ema_decay:g}, expected a number between 0 and 1")
        for tracker in self.trackers:
            one_of("tracker", tracker, TRACKERS)
