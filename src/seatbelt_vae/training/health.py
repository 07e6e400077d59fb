"""Early stopping of diverged training, and a warning of posterior collapse."""

import logging
import math
from collections.abc import Mapping

import torch
from torch import Tensor

from seatbelt_vae.errors import DivergenceError
from seatbelt_vae.objectives import Objective

__all__ = ["Health", "warn_of_collapse"]

logger = logging.getLogger(__name__)

_RUNAWAY = 10.0
_PATIENCE = 20


class Health:
    """Checks the terms of every step.

    Training stops before the weights are updated if a term is not finite. It also stops if, for 20
    consecutive steps, the objective is below its first value by more than 10 times its magnitude.

    Args:
        objective: the objective; the check accounts for its warm-up factors.
    """

    def __init__(self, objective: Objective) -> None:
        self._objective = objective
        self._likelihood, self._costs, self._bad_steps = 0.0, list[float](), 0

    def check(self, step: int, terms: Mapping[str, float], images: str) -> None:
        """Check one step.

        Raises:
            DivergenceError: training has diverged; the message names the step, term and batch.
        """
        for name, value in terms.items():
            if not math.isfinite(value):
                raise self._error(step, f"{name} is {value}", images)
        if not self._costs:
            self._likelihood = terms["log_likelihood"]
            self._costs = self._objective.costs(terms, step)
        start, objective = self._start(step), terms["objective"]
        runaway = objective < start - _RUNAWAY * max(1.0, abs(start))
        self._bad_steps = self._bad_steps + 1 if runaway else 0
        if self._bad_steps >= _PATIENCE:
            fall = f"the objective fell from {start:.4g} to {objective:.4g}"
            raise self._error(step, fall, images)

    def tensors(self) -> dict[str, Tensor]:
        """The state that the next check depends on."""
        if not self._costs:
            return {}
        state = [self._likelihood, *self._costs, self._bad_steps]
        return {"health": torch.tensor(state, dtype=torch.float64)}

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """The inverse of `tensors`; without a stored state the next step is taken as the first."""
        if "health" in tensors:
            self._likelihood, *costs, bad_steps = tensors["health"].tolist()
            # earlier versions stored a TC cost of 0 for objectives without penalties
            self._costs = costs[: 1 + len(self._objective.penalties)]
            self._bad_steps = int(bad_steps)

    def _start(self, step: int) -> float:
        """The objective of the first step under the warm-up factors of this step."""
        terms = (self._objective.divergence, *self._objective.penalties)
        start = self._likelihood
        for term, cost in zip(terms, self._costs, strict=True):
            start = start - term.warm_up(step) * cost
        return start

    @staticmethod
    def _error(step: int, fault: str, images: str) -> DivergenceError:
        return DivergenceError(
            f"training diverged at step {step}: {fault}, expected finite and rising terms "
            f"(batch of {images}); the last checkpoint is untouched: check the data with "
            f"`seatbelt-vae data check`, or train with a lower learning_rate, with gradient_clip "
            f"or in float32"
        )


def warn_of_collapse(terms: Mapping[str, float]) -> None:
    """Log a warning that names the layers without an active unit."""
    active = [n for name, n in terms.items() if name.startswith("active_")]
    collapsed = [str(layer) for layer, units in enumerate(active, start=1) if units == 0]
    if collapsed:
        logger.warning(
            "posterior collapse: no unit of layer %s of %d carries more information than its free "
            "bits; warm the KL up (kl_warm_up), give it free_bits, or lower beta or the depth",
            ", ".join(collapsed),
            len(active),
        )
