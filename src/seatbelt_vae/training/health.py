"""Training that has gone wrong stops at once, and says where, in which term, and what to try."""

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
    """Watches the terms of every step.

    A term that is not finite stops the run before the weights are touched. So does a runaway: an
    objective worse than its start by more than ten times the start's size for 20 steps on end.

    Args:
        objective: what is maximised.
    """

    def __init__(self, objective: Objective) -> None:
        self.objective = objective
        self._start: tuple[float, float, float] | None = None
        self._bad_steps = 0

    def check(self, step: int, terms: Mapping[str, float], images: str) -> None:
        """Judge one step.

        Raises:
            DivergenceError: naming the step, the term, the batch, and what to try.
        """
        for name, value in terms.items():
            if not math.isfinite(value):
                raise self._error(step, f"{name} is {value}", images)
        if self._start is None:
            self._start = self._unweighted(step, terms)
        # the start as this step weighs it: a warm-up alone makes no objective fall
        likelihood, kl, tc = self._start
        of_kl, of_tc = self._weights(step)
        start, objective = likelihood - of_kl * kl - of_tc * tc, terms["objective"]
        runaway = objective < start - _RUNAWAY * max(1.0, abs(start))
        self._bad_steps = self._bad_steps + 1 if runaway else 0
        if self._bad_steps >= _PATIENCE:
            fall = f"the objective fell from {start:.4g} to {objective:.4g}"
            raise self._error(step, fall, images)

    def tensors(self) -> dict[str, Tensor]:
        """All that the next judgement depends on."""
        if self._start is None:
            return {}
        return {"health": torch.tensor([*self._start, self._bad_steps], dtype=torch.float64)}

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """The inverse of `tensors`; where none was stored, the next step is the start."""
        if "health" in tensors:
            likelihood, kl, tc, bad_steps = tensors["health"].tolist()
            self._start, self._bad_steps = (likelihood, kl, tc), int(bad_steps)

    def _weights(self, step: int) -> tuple[float, float]:
        return self.objective.kl_warm_up(step), self.objective.tc_warm_up(step)

    def _unweighted(self, step: int, terms: Mapping[str, float]) -> tuple[float, float, float]:
        """Likelihood, and what the KL and the TC cost once their warm-ups are over."""
        of_kl, of_tc = self._weights(step)
        likelihood = terms["log_likelihood"]
        tc = (self.objective.beta - 1) * terms.get("total_correlation", 0.0)
        return likelihood, (likelihood - of_tc * tc - terms["objective"]) / of_kl, tc

    @staticmethod
    def _error(step: int, what: str, images: str) -> DivergenceError:
        return DivergenceError(
            f"training diverged at step {step}: {what}, expected finite and rising terms "
            f"(batch of {images}); the last checkpoint is untouched: check the data with "
            f"`seatbelt-vae data check`, or train with a lower learning_rate or in float32"
        )


def warn_of_collapse(terms: Mapping[str, float]) -> None:
    """Log which layers no image is told by, from the numbers of a validation."""
    active = [n for name, n in terms.items() if name.startswith("active_")]
    collapsed = [str(layer) for layer, units in enumerate(active, start=1) if units == 0]
    if collapsed:
        logger.warning(
            "posterior collapse: no unit of layer %s of %d carries information, its posterior is "
            "the prior; warm the KL up (kl_warm_up), give it free_bits, or lower beta or the depth",
            ", ".join(collapsed),
            len(active),
        )
