"""Progress of a training run: steps, throughput and terms."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Clock", "Progress"]


@dataclass(frozen=True)
class Progress:
    """Progress after one step.

    Args:
        step: completed steps.
        steps: total steps.
        images_per_second: throughput since the run was started or resumed.
        seconds_left: remaining time at that throughput.
        terms: the step's terms, nats per example.
    """

    step: int
    steps: int
    images_per_second: float
    seconds_left: float
    terms: Mapping[str, float]


@dataclass
class Clock:
    """Measures the throughput since the run was started or resumed."""

    batch_size: int
    first_step: int
    started: float = field(default_factory=time.perf_counter)

    def progress(self, step: int, steps: int, terms: Mapping[str, float]) -> Progress:
        """The progress after ``step``."""
        seconds = max(time.perf_counter() - self.started, 1e-9)
        per_second = (step - self.first_step) / seconds
        left = (steps - step) / per_second if per_second > 0 else float("inf")
        return Progress(step, steps, per_second * self.batch_size, left, terms)
