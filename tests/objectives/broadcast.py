"""The total correlation in its plain form: one (K, M, d) array and autograd."""

import math

from torch import Tensor


def log_densities(z: Tensor, mean: Tensor, log_variance: Tensor) -> Tensor:
    """log q_m(z_kj), (K, M, d), by direct differences."""
    squared = (z[:, None] - mean).square() * (-log_variance).exp()
    return -0.5 * (squared + log_variance + math.log(2 * math.pi))


def broadcast_parts(
    z: Tensor, mean: Tensor, log_variance: Tensor, log_weights: Tensor
) -> tuple[Tensor, Tensor]:
    """The joint and the marginal term of the estimate; the TC is their difference."""
    density = log_densities(z, mean, log_variance)
    joint = (density.sum(-1) + log_weights).logsumexp(1)
    marginals = (density + log_weights[..., None]).logsumexp(1).sum(-1)
    return joint.mean(), marginals.mean()


def broadcast_tc(z: Tensor, mean: Tensor, log_variance: Tensor, log_weights: Tensor) -> Tensor:
    """The total correlation."""
    joint, marginals = broadcast_parts(z, mean, log_variance, log_weights)
    return joint - marginals
