"""Controls that an attack must beat, and probes of the model it was made on."""

from dataclasses import dataclass

import torch
from torch import Tensor

from seatbelt_vae.attacks.result import PairResult
from seatbelt_vae.attacks.starts import noise_start
from seatbelt_vae.models.hierarchical import LOG_VARIANCE_BOUND
from seatbelt_vae.protocol import Autoencoder

__all__ = ["Probe", "matched_noise", "probe"]

_DRAWS = 8


@dataclass(frozen=True)
class Probe:
    """What the encoder showed on one pair.

    Args:
        repeatable: the same image gave the same posterior twice on the mean path.
        training_mode: some part of the model was left in training mode.
        gradient_usable: the loss's gradient beside the input is finite and not zero.
        clamped_units: latent units whose log-variance sits at the model's clamp.
    """

    repeatable: bool
    training_mode: bool
    gradient_usable: bool
    clamped_units: int


def probe(model: Autoencoder, result: PairResult, generator: torch.Generator) -> Probe:
    """Ask the model what makes an attack's result believable."""
    problem = result.problem
    x = problem.x.view(1, *problem.image_shape)
    with torch.no_grad():
        first, second = model.encode(x), model.encode(x)
    beside = noise_start(problem, 1, generator)
    _, gradient = problem.value_and_gradient(beside, torch.zeros(1, dtype=torch.float64))
    modules = model.modules() if isinstance(model, torch.nn.Module) else ()
    clamped = sum(int((q.log_variance.abs() >= LOG_VARIANCE_BOUND).sum()) for q in first.layers)
    return Probe(
        repeatable=all(torch.equal(a, b) for a, b in zip(first.z, second.z, strict=True)),
        training_mode=any(module.training for module in modules),
        gradient_usable=bool(gradient.isfinite().all()) and bool(gradient.any()),
        clamped_units=clamped,
    )


def matched_noise(result: PairResult, generator: torch.Generator) -> Tensor:
    r"""The smallest :math:`\Delta` of random directions of the attack's own size, :math:`(W)`.

    Clipping to the box only shortens a distortion, so the control never has the larger budget.
    """
    problem, rows = result.problem, len(result.weights)
    low, high = problem.bounds
    noise = torch.randn(rows, _DRAWS, len(problem.x), generator=generator, dtype=torch.float64)
    noise *= (result.distance.cpu() / noise.norm(dim=2).T).T[..., None]
    points = (problem.x + noise.to(problem.x)).clamp(low, high).flatten(0, 1)
    values = problem.parts(points).sum(1).view(rows, _DRAWS)
    distances = problem.distance(points).view(rows, _DRAWS)
    return (values + result.weights[:, None] * distances).min(dim=1).values
