"""What a model shows that makes an attack on it believable, or not."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from seatbelt_vae.attacks.methods.starts import noise_start
from seatbelt_vae.attacks.problem import Problem
from seatbelt_vae.models.hierarchical import LOG_VARIANCE_BOUND
from seatbelt_vae.protocol import Autoencoder, modules_of

__all__ = ["Probe", "probe"]


@dataclass(frozen=True)
class Probe:
    """What the model showed on one pair.

    Args:
        repeatable: the same image gave the same posterior on the mean path, and the same loss on
            the attack's path, twice.
        training_mode: some part of the model was left in training mode.
        gradient_usable: the loss's gradient beside the input is finite and not zero.
        clamped_units: latent units whose log-variance is where our models clamp it, or beyond.
    """

    repeatable: bool
    training_mode: bool
    gradient_usable: bool
    clamped_units: int


def probe(
    model: Autoencoder, problem: Problem, generators: Sequence[torch.Generator]
) -> list[Probe]:
    """Ask the model on every pair; one generator a pair."""
    modules = (module for part in modules_of(model) for module in part.modules())
    training = any(module.training for module in modules)
    return [_of_pair(model, problem, pair, g, training) for pair, g in enumerate(generators)]


def _of_pair(
    model: Autoencoder, problem: Problem, pair: int, generator: torch.Generator, training: bool
) -> Probe:
    of = torch.tensor([pair], device=problem.x.device)
    x = problem.x[of].view(1, *problem.event_shape)
    with torch.no_grad():
        first, second = model.encode(x), model.encode(x)
    losses = [problem.parts(problem.x[of], of) for _ in range(2)]
    beside = noise_start(problem, pair, 1, generator)
    gradient = problem.gradient(beside, of)
    clamped = sum(int((q.log_variance.abs() >= LOG_VARIANCE_BOUND).sum()) for q in first.layers)
    return Probe(
        repeatable=_same(first.z, second.z) and _same(losses[:1], losses[1:]),
        training_mode=training,
        gradient_usable=bool(gradient.isfinite().all()) and bool(gradient.any()),
        clamped_units=clamped,
    )


def _same(first: Sequence[Tensor], second: Sequence[Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
