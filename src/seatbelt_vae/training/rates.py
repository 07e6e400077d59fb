"""Number of steps and learning rate of a run, as functions of its settings."""

import math

from seatbelt_vae.config import TrainingConfig

__all__ = ["learning_rate", "steps_of"]


def steps_of(settings: TrainingConfig, images: int) -> int:
    """Number of optimiser steps on a training split of ``images`` images.

    Example:
        >>> steps_of(TrainingConfig(epochs=3, batch_size=10), images=25)
        6
    """
    return settings.steps or settings.epochs * (images // settings.batch_size)


def learning_rate(settings: TrainingConfig, step: int, steps: int) -> float:
    r"""The learning rate of a step, counted from 1; with schedule ``cosine``

    .. math:: \tfrac{1}{2} \eta \, (1 + \cos(\pi (\text{step} - 1) / \text{steps}))

    Example:
        >>> learning_rate(TrainingConfig(learning_rate=0.1), step=51, steps=100)
        0.05
    """
    if settings.schedule == "constant":
        return settings.learning_rate
    return 0.5 * settings.learning_rate * (1 + math.cos(math.pi * (step - 1) / steps))
