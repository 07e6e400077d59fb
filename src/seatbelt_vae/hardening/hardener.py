"""The state of a hardening: encoder weights and AdamW, advanced one step at a time."""

import math
import time
from collections.abc import Mapping

import torch
from torch import Tensor

from seatbelt_vae.config.hardening import HardeningConfig
from seatbelt_vae.errors import DivergenceError
from seatbelt_vae.hardening.hardening_loss import HardeningLoss
from seatbelt_vae.optim import Adam
from seatbelt_vae.randomness import Stream, generator_for

__all__ = ["Hardener", "learning_rate"]

_WARM_UP = 0.05


def learning_rate(largest: float, step: int, steps: int) -> float:
    """The learning rate of a step, counted from 1: linear warm-up, then cosine decay.

    Example:
        >>> learning_rate(0.1, 1, 1000), learning_rate(0.1, 50, 1000)
        (0.002, 0.1)
    """
    warm_up = max(1, round(_WARM_UP * steps))
    if step <= warm_up:
        return largest * step / warm_up
    done = (step - warm_up) / max(1, steps - warm_up)
    return 0.5 * largest * (1 + math.cos(math.pi * done))


class Hardener:
    """Minimises a `HardeningLoss` over the encoder's weights.

    Args:
        loss: the loss.
        config: the settings.
    """

    def __init__(self, loss: HardeningLoss, config: HardeningConfig) -> None:
        self.loss, self._config = loss, config
        self._weights = loss.encoder.parameters
        self._optimizer = Adam(
            self._weights, config.learning_rate, weight_decay=config.weight_decay
        )

    def step(self, step: int, steps: int, x: Tensor) -> dict[str, float]:
        """Update the weights on a batch of clean images; step counts from 1.

        Returns:
            The terms of the loss.

        Raises:
            DivergenceError: a term is not finite.
        """
        terms = self._gradients(step, x)
        if not all(map(math.isfinite, terms.values())):
            raise DivergenceError(
                f"the hardening diverged in step {step} ({terms}): use a smaller learning_rate"
            )
        self._optimizer.learning_rate = learning_rate(self._config.learning_rate, step, steps)
        self._optimizer.step()
        return terms

    def seconds_per_step(self, x: Tensor) -> float:
        """The shortest duration of three steps without an update."""
        durations = []
        for _ in range(3):
            began = time.perf_counter()
            self._gradients(1, x)
            durations.append(time.perf_counter() - began)
        return min(durations)

    def _gradients(self, step: int, x: Tensor) -> dict[str, float]:
        generator = generator_for(Stream.HARDENING, self._config.seed, step)
        terms = self.loss.terms(x, generator)
        self._optimizer.zero_grad()
        self.loss.total(terms).backward()
        return {name: float(value.detach()) for name, value in terms.items()}

    def tensors(self) -> dict[str, Tensor]:
        """Weights and moments, for a checkpoint."""
        found = {f"weight.{name}": weight.detach() for name, weight in self._weights.items()}
        return found | self._optimizer.tensors("adam")

    @torch.no_grad()
    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """The inverse of `tensors`."""
        for name, weight in self._weights.items():
            weight.copy_(tensors[f"weight.{name}"])
        self._optimizer.load("adam", tensors)
