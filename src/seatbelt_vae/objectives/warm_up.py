"""Warm-ups: the factor of a weight rises linearly from 0 to 1, once or in cycles."""

from dataclasses import dataclass

__all__ = ["WarmUp"]


@dataclass(frozen=True)
class WarmUp:
    r"""A factor of a penalty, :math:`\min(1, s / \text{steps})` at step s of its period.

    Args:
        steps: steps until the factor is 1; 0 is no warm-up.
        period: steps after which the warm-up restarts (default: never).

    Source: Sønderby et al. (2016) for the linear rise, Fu et al. (2019) for cycles.

    Example:
        >>> rise = WarmUp(steps=4, period=6)
        >>> [rise(step) for step in range(1, 9)]
        [0.25, 0.5, 0.75, 1.0, 1.0, 1.0, 0.25, 0.5]
    """

    steps: int = 0
    period: int | None = None

    def __call__(self, step: int) -> float:
        """The factor at a training step, from 1."""
        if self.steps == 0:
            return 1.0
        reached = step if self.period is None else (step - 1) % self.period + 1
        return min(1.0, reached / self.steps)
