"""Settings of adversarial fine-tuning of an encoder whose decoder stays as it is."""

from dataclasses import dataclass
from typing import Literal

from seatbelt_vae.config.checks import at_least, one_of, positive
from seatbelt_vae.errors import ConfigError

__all__ = ["OBJECTIVES", "HardeningConfig"]

OBJECTIVES = ("reconstruction", "codes")

_RADIUS = {"l2": 0.3, "linf": 0.06}


@dataclass(frozen=True)
class HardeningConfig:
    """Encoder hardening: the encoder learns to ignore worst-case distortions of its inputs.

    Args:
        objective: `reconstruction`: a distorted image must be reconstructed as the clean image,
            through the frozen decoder; `codes`: it must have the codes of the clean image, in
            standard deviations over the data.
        norm: norm of the distortions.
        radius: largest distortion; l2: share of the median distance of two images, linf: share of
            the range of a pixel (default: 0.3 for l2, 0.06 for linf). Each image has a radius
            between 0 and this one, drawn at random.
        inner_steps: gradient steps that find the distortion of each image.
        clean_weight: weight of the clean images; that of the distorted images is 1.
        originality: weight of the distance of clean codes from those before, in standard
            deviations over the data.
        steps: optimiser steps.
        minutes: duration, in place of `steps`; the number of steps is measured once, and kept when
            the work is resumed.
        batch_size: images per step.
        learning_rate: largest learning rate of AdamW, after a linear warm-up over the first 5 % of
            the steps and before a cosine decay to 0.
        weight_decay: weight decay of AdamW.
        seed: seed of the order of the images and of the distortions.
        checkpoint_every: steps between checkpoints.
        threads: CPU threads (default: PyTorch's choice).
    """

    objective: Literal["reconstruction", "codes"] = "reconstruction"
    norm: Literal["l2", "linf"] = "l2"
    radius: float | None = None
    inner_steps: int = 3
    clean_weight: float = 0.5
    originality: float = 0.1
    steps: int = 1500
    minutes: float | None = None
    batch_size: int = 64
    learning_rate: float = 3e-3
    weight_decay: float = 1e-4
    seed: int = 0
    checkpoint_every: int = 200
    threads: int | None = None

    def __post_init__(self) -> None:
        one_of("objective", self.objective, OBJECTIVES)
        one_of("norm", self.norm, _RADIUS)
        for name in ("inner_steps", "steps", "batch_size", "learning_rate", "checkpoint_every"):
            positive(name, getattr(self, name))
        for name in ("clean_weight", "originality", "weight_decay", "seed"):
            at_least(name, getattr(self, name), 0)
        for name in ("radius", "minutes", "threads"):
            if getattr(self, name) is not None:
                positive(name, getattr(self, name))
        if self.largest_radius > 1:
            raise ConfigError(f"radius is {self.radius:g}, expected a share of at most 1")

    @property
    def largest_radius(self) -> float:
        """The radius, by default that of the norm."""
        return _RADIUS[self.norm] if self.radius is None else self.radius
