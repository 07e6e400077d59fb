"""Mixture log-densities with PyTorch operations, one tile of samples at a time.

On a GPU torch.compile fuses the operations of a tile, so that no intermediate array is stored.
"""

import importlib.util
import math
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor

from seatbelt_vae.objectives.mixtures.components import ComponentWeights, MixtureDensities

__all__ = ["by_tiles", "tile"]

_TILE_ELEMENTS = 1 << 17
_LARGE_TILE_ELEMENTS = 1 << 24  # on a GPU, where kernel launches cost more than cache misses
_LOG_2PI = math.log(2 * math.pi)


def by_tiles(
    z: Tensor, mean: Tensor, log_variance: Tensor, weights: ComponentWeights, *, gradients: bool
) -> MixtureDensities:
    """As `log_mixtures`, on any device and in any precision."""
    samples, components, units = len(z), len(mean), z.shape[1]
    joint = z.new_zeros(samples, dtype=torch.float64)
    marginals = z.new_zeros(samples, units, dtype=torch.float64)
    slopes = [torch.zeros_like(t) for t in (z, mean, mean)] if gradients else None
    on_cpu = z.device.type == "cpu"
    compute = tile if on_cpu else _compiled_tile()
    rows = max(1, (_TILE_ELEMENTS if on_cpu else _LARGE_TILE_ELEMENTS) // (components * units))
    log_peak = -0.5 * (log_variance + _LOG_2PI)
    precision = (-log_variance).exp()
    # an upper bound of the densities, which saves a pass for their maximum
    shift = log_peak.amax(0)
    for start in range(0, samples, rows):
        part = slice(start, start + rows)
        arguments = z[part], mean, log_peak, precision, weights.dense(part).to(z)
        found = compute(*arguments, shift, gradients)
        if bool(found.lost):
            # all densities of some sample underflow: shift by their true maximum
            found = tile(*arguments, _largest(*arguments), gradients)
        joint[part], marginals[part] = found.joint, found.marginals
        if slopes is not None and found.slopes is not None:
            slopes[0][part] = found.slopes[0]
            slopes[1] += found.slopes[1]
            slopes[2] += found.slopes[2]
    return MixtureDensities(joint, marginals, None if slopes is None else tuple(slopes))


class _Tile(NamedTuple):
    """Joint and marginal log-densities of a tile, slopes, and whether a density underflowed."""

    joint: Tensor
    marginals: Tensor
    slopes: tuple[Tensor, Tensor, Tensor] | None
    lost: Tensor


def tile(
    z: Tensor,
    mean: Tensor,
    log_peak: Tensor,
    precision: Tensor,
    log_weights: Tensor,
    shift: Tensor,
    gradients: bool,
) -> _Tile:
    """Log-densities of samples (T, d) under components (M, d) of log-weights (T, M).

    ``log_peak`` and ``precision`` belong to the components, (M, d). Squares are not expanded, which
    would lose all digits if σ is small or means are far. ``shift``, broadcast to (T, d), is
    subtracted from exponents.
    """
    difference = z[:, None] - mean
    squared = 0.5 * precision * difference.square()
    log_density = log_peak - squared
    joint = log_density.sum(-1) + log_weights
    log_joint = joint.logsumexp(1)
    mass = log_density.add_(log_weights[..., None]).sub_(shift.expand_as(z)[:, None]).exp_()
    total = mass.sum(1)
    slopes = None
    least = torch.finfo(total.dtype).tiny / torch.finfo(total.dtype).eps
    lost = (total < least).any()
    if gradients:
        # derivative of joint − Σ marginals by each log-density
        surplus = mass.div_(total[:, None]).neg_()
        surplus = surplus.add_((joint - log_joint[:, None]).exp()[..., None])
        pull = surplus * difference.mul_(precision)
        slopes = -pull.sum(1), pull.sum(0), surplus.mul_(squared.sub_(0.5)).sum(0)
    return _Tile(log_joint, total.log() + shift, slopes, lost)


def _largest(
    z: Tensor, mean: Tensor, log_peak: Tensor, precision: Tensor, log_weights: Tensor
) -> Tensor:
    """The largest weighted log-density of each sample and unit, (T, d); 0 if all weights are 0."""
    squared = 0.5 * precision * (z[:, None] - mean).square()
    weighted = log_peak - squared + log_weights[..., None]
    return weighted.amax(1).nan_to_num(neginf=0)


@cache
def _compiled_tile() -> Callable[..., _Tile]:
    """`tile` compiled by torch if Triton is installed."""
    return torch.compile(tile, dynamic=True) if importlib.util.find_spec("triton") else tile
