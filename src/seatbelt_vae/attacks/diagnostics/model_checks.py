"""Checks of the model on each attacked pair: repeatability, gradient, clamped latent units."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from seatbelt_vae.attacks.methods.starts import noise_start
from seatbelt_vae.attacks.problem import Problem
from seatbelt_vae.models.hierarchical import LOG_VARIANCE_BOUND
from seatbelt_vae.protocol import Autoencoder

__all__ = ["ModelChecks", "check_model"]


@dataclass(frozen=True)
class ModelChecks:
    """Findings on one pair.

    Args:
        repeatable: two calls returned the same posterior on the mean path, and the same loss on
            the attack's path.
        gradient_usable: the loss's gradient beside the input is finite and not zero.
        clamped_units: latent units whose log-variance is where our models clamp it, or beyond.
        training_mode: always False, since an attack refuses a model in training mode; older
            versions stored this column.
    """

    repeatable: bool
    gradient_usable: bool
    clamped_units: int
    training_mode: bool = False


def check_model(
    model: Autoencoder, problem: Problem, generators: Sequence[torch.Generator]
) -> list[ModelChecks]:
    """Check the model on every pair, with one generator per pair."""
    return [_check(model, problem, pair, generator) for pair, generator in enumerate(generators)]


def _check(
    model: Autoencoder, problem: Problem, pair: int, generator: torch.Generator
) -> ModelChecks:
    index = torch.tensor([pair], device=problem.x.device)
    x = problem.x[index].view(1, *problem.event_shape)
    with torch.no_grad():
        first, second = model.encode(x), model.encode(x)
    losses = [problem.parts(problem.x[index], index) for _ in range(2)]
    gradient = problem.gradient(noise_start(problem, pair, 1, generator), index)
    clamped = sum(int((q.log_variance.abs() >= LOG_VARIANCE_BOUND).sum()) for q in first.layers)
    return ModelChecks(
        repeatable=_same(first.z, second.z) and _same(losses[:1], losses[1:]),
        gradient_usable=bool(gradient.isfinite().all()) and bool(gradient.any()),
        clamped_units=clamped,
    )


def _same(first: Sequence[Tensor], second: Sequence[Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
