"""Mixture log-densities with torch's own operations, a tile of samples at a time."""

import math

import torch
from torch import Tensor

from seatbelt_vae.objectives.mixtures.result import MixtureDensities
from seatbelt_vae.objectives.mixtures.weights import ComponentWeights

__all__ = ["by_tiles"]

_TILE_ELEMENTS = 1 << 17
_LARGE_TILE_ELEMENTS = 1 << 24  # a GPU has no small cache to stay in, and starts each piece slowly
_LOG_2PI = math.log(2 * math.pi)


def by_tiles(
    z: Tensor, mean: Tensor, log_variance: Tensor, weights: ComponentWeights, *, gradients: bool
) -> MixtureDensities:
    """As `log_mixtures`, on any device and in any precision."""
    samples, components, units = len(z), len(mean), z.shape[1]
    log_peak = -0.5 * (log_variance + _LOG_2PI)
    precision = (-log_variance).exp()
    joint = z.new_zeros(samples, dtype=torch.float64)
    marginals = z.new_zeros(samples, units, dtype=torch.float64)
    slopes = [torch.zeros_like(t) for t in (z, mean, mean)] if gradients else None
    elements = _TILE_ELEMENTS if z.device.type == "cpu" else _LARGE_TILE_ELEMENTS
    tile = max(1, elements // (components * units))
    for start in range(0, samples, tile):
        part = slice(start, start + tile)
        difference = z[part, None] - mean
        squared = 0.5 * precision * difference.square()
        log_weights = weights.dense(part).to(z)
        joint[part], marginals[part], surplus = _tile(log_peak - squared, log_weights, log_peak)
        if slopes is not None:
            pull = surplus * difference.mul_(precision)
            slopes[0][part] = -pull.sum(1)
            slopes[1] += pull.sum(0)
            slopes[2] += surplus.mul_(squared.sub_(0.5)).sum(0)
    return MixtureDensities(joint, marginals, None if slopes is None else tuple(slopes))


def _tile(
    log_density: Tensor, log_weights: Tensor, log_peak: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """A tile's log-densities, jointly and by unit, and what a density's rise adds to the TC.

    Args:
        log_density: :math:`\\log q_m(z_{kj})`, (T, M, d); formed from differences, never by
            expanding the square, which would lose the value where σ is small or means are far.
        log_weights: (T, M).
        log_peak: the largest value of each component's density, (M, d); their largest over m is a
            shift known beforehand, so that no pass for a maximum is needed.
    """
    joint = log_density.sum(-1) + log_weights
    log_joint = joint.logsumexp(1)
    shift = log_peak.amax(0).expand(len(joint), -1)
    weighted = log_density + log_weights[..., None]
    mass = (weighted - shift[:, None]).exp_()
    total = mass.sum(1)
    if bool((total < torch.finfo(total.dtype).tiny / torch.finfo(total.dtype).eps).any()):
        # some sample is so far from every component that all underflow: find the true maximum
        shift = weighted.amax(1).nan_to_num(neginf=0)  # no component has any weight: log 0
        mass = (weighted - shift[:, None]).exp_()
        total = mass.sum(1)
    surplus = mass.div_(total[:, None]).neg_().add_((joint - log_joint[:, None]).exp()[..., None])
    return log_joint, total.log() + shift, surplus
