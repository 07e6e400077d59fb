"""A universal distortion: one d that damages the reconstructions of many inputs."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from seatbelt_vae.attacks.gradients import (
    kept_for_backward,
    rows_within_memory,
    with_gradient,
)
from seatbelt_vae.attacks.threats import Budget
from seatbelt_vae.errors import DataError
from seatbelt_vae.optim import minimize, minimize_by_pgd
from seatbelt_vae.protocol import Autoencoder, Bounds, bounds_of
from seatbelt_vae.randomness import Stream, generator_for

__all__ = ["STARTS", "UniversalDistortion", "mean_distance", "universal_distortion"]

STARTS = 8
"""Descents of a universal distortion."""

_NOISE_DRAWS = 8
_MOST_INPUTS = 64  # of one call of the model
_UNBOUNDED = Bounds(-torch.inf, torch.inf)


@dataclass(frozen=True)
class UniversalDistortion:
    r"""One distortion and its damage, :math:`\|R(x + d) - R(x)\|_2 / \max\|d\|_2` per input.

    x + d is clipped to the bounds, and :math:`\max\|d\|_2` is the largest norm in the budget.

    Args:
        distortion: d, of the event shape.
        fitted: damage of the inputs that d was fitted to, float64.
        held_out: damage of the other inputs, float64.
        noise: mean damage of the other inputs under noise: copies of d whose values are permuted
            and change sign at random, which keeps both norms.
    """

    distortion: Tensor
    fitted: Tensor
    held_out: Tensor
    noise: Tensor


def mean_distance(inputs: Tensor) -> float:
    r"""The mean of :math:`\|x_i - x_j\|_2` over pairs of inputs."""
    return float(torch.pdist(inputs.flatten(1).double()).mean())


@torch.inference_mode(False)
def universal_distortion(
    model: Autoencoder,
    inputs: Tensor,
    budget: Budget,
    level: float,
    *,
    evaluations: int = 100,
    micro_batch: int | None = None,
    seed: int = 0,
) -> UniversalDistortion:
    r"""The distortion within a budget that maximises the mean damage of the first half of inputs.

    Eight descents from random starts run in lockstep, half of their evaluations by projected
    gradient steps, the other half by `minimize`; the best one is kept.

    Args:
        model: the autoencoder, in evaluation mode.
        inputs: inputs in random order, :math:`(N, *\text{event})`.
        budget: the norm of d.
        level: its limit ε in absolute units.
        evaluations: largest number of gradient evaluations per descent, each over N/2 inputs.
        micro_batch: inputs evaluated at once (default: 64, or as many as fit in memory, see
            `rows_within_memory`).
        seed: seed of the starts and of the noise.

    Raises:
        DataError: fewer than two inputs.

    Source: Moosavi-Dezfooli et al. (2017) for classifiers.
    """
    if len(inputs) < 2:
        raise DataError(f"{len(inputs)} inputs for a universal distortion, expected two or more")
    fitted, held_out = inputs.detach().split([-(-len(inputs) // 2), len(inputs) // 2])
    largest = level * (1.0 if budget.norm == "l2" else inputs[0].numel() ** 0.5)
    starts = _starts(budget, level, fitted, generator_for(Stream.UNIVERSAL_STARTS, seed))
    damage = _Damage(model, largest, micro_batch or _at_once(model, fitted, starts))
    fun = partial(damage.negative_mean, fitted)
    limits = torch.full((STARTS,), level, dtype=torch.float64, device=inputs.device)
    region = budget.region(torch.zeros_like(starts), limits, _UNBOUNDED)
    each = -(-evaluations // 2)
    near = minimize_by_pgd(fun, starts, **region, max_evaluations=each)
    found = minimize(fun, near.x, **region, max_evaluations=each)
    best = found.x[found.value.argmin(), None]
    noise = _shuffled(best[0], generator_for(Stream.UNIVERSAL_NOISE, seed))
    return UniversalDistortion(
        best.view_as(inputs[0]),
        damage.mean(fitted, best),
        damage.mean(held_out, best),
        damage.mean(held_out, noise),
    )


@dataclass(frozen=True)
class _Damage:
    """Damage of distortions (D, n) of images (N, event), for a largest norm of distortions."""

    model: Autoencoder
    largest: float
    micro_batch: int

    def of(self, images: Tensor, distortions: Tensor) -> Tensor:
        """The damage of each distortion of each image, (D, N)."""
        moved = distortions.view(-1, *images.shape[1:])
        return _changes(self.model, images, moved) / self.largest

    def negative_mean(
        self, images: Tensor, distortions: Tensor, rows: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Minus the mean damage of each distortion, and its gradient."""
        del rows
        found = [self._sums(images, few) for few in distortions.split(self.micro_batch)]
        value, gradient = (torch.cat(parts) for parts in zip(*found, strict=True))
        return -value / len(images), -gradient / len(images)

    def _sums(self, images: Tensor, distortions: Tensor) -> tuple[Tensor, Tensor]:
        """The damage of each distortion, summed over the images, and its gradient."""
        sums = [
            with_gradient(partial(self._total, chunk), distortions)
            for chunk in self._chunks(images, distortions)
        ]
        value, gradient = (torch.stack(parts).sum(0) for parts in zip(*sums, strict=True))
        return value, gradient

    def mean(self, images: Tensor, distortions: Tensor) -> Tensor:
        """The mean damage of each image over the distortions, float64."""
        with torch.no_grad():
            chunks = self._chunks(images, distortions)
            return torch.cat([self.of(chunk, distortions).mean(0) for chunk in chunks]).double()

    def _total(self, images: Tensor, distortions: Tensor) -> Tensor:
        return self.of(images, distortions).sum(1)

    def _chunks(self, images: Tensor, distortions: Tensor) -> Sequence[Tensor]:
        chunks: Sequence[Tensor] = images.split(max(1, self.micro_batch // len(distortions)))
        return chunks


def _at_once(model: Autoencoder, images: Tensor, distortions: Tensor) -> int:
    """How many inputs are evaluated at once within the limit of memory."""
    with kept_for_backward(model) as kept:
        _Damage(model, 1.0, 1).negative_mean(images[:1], distortions[:1], distortions)
    return min(_MOST_INPUTS, rows_within_memory(kept, images.device))


def _starts(budget: Budget, level: float, like: Tensor, generator: torch.Generator) -> Tensor:
    """Random distortions of half the largest size, (D, n)."""
    draws = torch.randn(STARTS, like[0].numel(), generator=generator, dtype=torch.float64)
    order = 2 if budget.norm == "l2" else torch.inf
    return (0.5 * level * torch.nn.functional.normalize(draws, p=order)).to(like)


def _changes(model: Autoencoder, images: Tensor, distortions: Tensor) -> Tensor:
    r""":math:`\|R(x + d) - R(x)\|_2` of distortions (D) and images (N), :math:`(D, N)`."""
    moved = bounds_of(model).clamp(images + distortions[:, None]).flatten(0, 1)
    with torch.no_grad():
        clean = model.decode(model.encode(images).z).mean
    decoded = model.decode(model.encode(moved).z).mean.reshape(-1, *clean.shape)
    changes: Tensor = (decoded - clean).flatten(2).norm(dim=2)
    return changes


def _shuffled(distortion: Tensor, generator: torch.Generator) -> Tensor:
    """Copies of a distortion with permuted values and random signs, (D, n)."""
    copies = []
    for _ in range(_NOISE_DRAWS):
        order = torch.randperm(len(distortion), generator=generator)
        signs = 2 * torch.randint(2, order.shape, generator=generator) - 1
        copies.append(distortion[order.to(distortion.device)] * signs.to(distortion))
    return torch.stack(copies)
