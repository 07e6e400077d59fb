r"""Total correlation of the aggregate posterior, estimated from a minibatch.

.. math::
    \widehat{TC} = \frac1K \sum_k \Big\{ \log \sum_m w_{km} \prod_j q_m(z_{kj})
                   - \sum_j \log \sum_m w_{km}\, q_m(z_{kj}) \Big\}

with components :math:`q_m = q(\cdot|z_m^{L-1}, x_m)` of the same batch. The estimators differ in
the weights :math:`w_{km}` only. Value and gradient come from the same exponentials in one
sweep over tiles of rows, so memory stays :math:`O(M d + M^2)`.
"""

import math
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from seatbelt_vae.errors import ConfigError

__all__ = ["component_log_weights", "total_correlation"]

_TILE_ELEMENTS = 1 << 17
_LOG_2PI = math.log(2 * math.pi)


def total_correlation(
    z: Tensor,
    mean: Tensor,
    log_variance: Tensor,
    data_size: int,
    estimator: str = "mws",
    own: Tensor | None = None,
) -> Tensor:
    r"""Minibatch estimate of :math:`TC(z) = KL(q(z)\,\|\,\prod_j q(z_j))`, nats, a scalar.

    ``mws`` is biased by tens of nats, but by a constant in N: its gradient does not depend on the
    size of the data set and points as well as any. Never report its value as "the TC".

    Args:
        z: samples, :math:`z_k \sim q_k`, shape :math:`(K, d)`.
        mean, log_variance: the components, :math:`(M, d)`.
        data_size: N, images in the training split.
        estimator: ``mws``, ``mss``, ``mss-chen`` or ``mss-published``.
        own: which component each sample was drawn from, :math:`(K)` (default: row k from k).

    Raises:
        ConfigError: fewer than 2 components, or more than the data set has images.

    Source: Chen et al. (2018), appendix C, with the stratified weights put right.

    Example:
        >>> z = torch.zeros(4, 2)
        >>> abs(total_correlation(z, z, z, data_size=4, estimator="mss").item()) < 1e-6
        True
    """
    # sums over a batch need more digits than a network in bf16 computes with
    dtype = torch.promote_types(z.dtype, torch.float32)
    weights = component_log_weights(estimator, len(z), len(mean), data_size, own).to(z.device)
    tensors = (t.to(dtype) for t in (z, mean, log_variance, weights))
    value: Tensor = _TotalCorrelation.apply(*tensors)
    return value


def component_log_weights(
    estimator: str, rows: int, components: int, data_size: int, own: Tensor | None = None
) -> Tensor:
    r""":math:`\log w_{km}`, shape :math:`(K, M)`, float64.

    * ``mws``: :math:`1/(NM)`.
    * ``mss``: :math:`1/N` on the own component, :math:`(N-1)/(N(M-1))` elsewhere. Rows sum to 1,
      the mixture is unbiased for :math:`q(z)`, and exact at :math:`M = N`.
    * ``mss-chen``: :math:`(N-M')/(NM')` on the next column, :math:`1/M'` elsewhere, :math:`M'=M-1`.
    * ``mss-published``: the layout found in public code, :math:`1/N` in column 0 instead of on the
      diagonal. Wrong; kept to reproduce numbers made with it.
    """
    m, n = components, data_size
    if m < 2 or m > n:
        raise ConfigError(
            f"a batch of {m} from a data set of {n} images: the TC needs at least 2 and at most "
            f"the data set's size"
        )
    own = torch.arange(rows) if own is None else own.cpu()
    row = torch.arange(rows)
    if estimator == "mws":
        return torch.full((rows, m), -math.log(n * m), dtype=torch.float64)
    if estimator == "mss":
        weights = torch.full((rows, m), (n - 1) / (n * (m - 1)), dtype=torch.float64)
        weights[row, own] = 1 / n
        return weights.log()
    weights = torch.full((rows, m), 1 / (m - 1), dtype=torch.float64)
    stratum = (n - m + 1) / (n * (m - 1))
    if estimator == "mss-chen":
        weights[row, own] = 1 / n
        weights[row, (own + 1) % m] = stratum
    elif estimator == "mss-published":
        weights[:, 0] = 1 / n
        weights[:, 1] = stratum
        weights[own == m - 2, 0] = stratum
    else:
        raise ConfigError(
            f"unknown tc_estimator {estimator!r}: known: mws, mss, mss-chen, mss-published"
        )
    return weights.log()


class _TotalCorrelation(Function):
    """The estimate, with gradients formed in the forward sweep."""

    @staticmethod
    def forward(
        ctx: Any, z: Tensor, mean: Tensor, log_variance: Tensor, log_weights: Tensor
    ) -> Tensor:
        rows, components, size = len(z), len(mean), z.shape[1]
        log_peak = -0.5 * (log_variance + _LOG_2PI)
        precision = (-log_variance).exp()
        value = z.new_zeros(())
        grad_z, grad_mean, grad_log_variance = (torch.zeros_like(t) for t in (z, mean, mean))
        tile = max(1, _TILE_ELEMENTS // (components * size))
        for start in range(0, rows, tile):
            part = slice(start, start + tile)
            difference = z[part, None] - mean
            squared = 0.5 * precision * difference.square()
            part_value, surplus = _tile(log_peak - squared, log_weights[part], log_peak)
            value += part_value
            pull = surplus * difference.mul_(precision)
            grad_z[part] = -pull.sum(1)
            grad_mean += pull.sum(0)
            grad_log_variance += surplus.mul_(squared.sub_(0.5)).sum(0)
        ctx.save_for_backward(grad_z / rows, grad_mean / rows, grad_log_variance / rows)
        return value / rows

    # gradients are saved as constants: a second derivative would silently miss their slope
    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        z, mean, log_variance = ctx.saved_tensors
        return grads[0] * z, grads[0] * mean, grads[0] * log_variance, None


def _tile(log_density: Tensor, log_weights: Tensor, log_peak: Tensor) -> tuple[Tensor, Tensor]:
    """Sum of the estimate over a tile of rows, and its derivative by each log-density.

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
        shift = weighted.amax(1)
        mass = (weighted - shift[:, None]).exp_()
        total = mass.sum(1)
    value = (log_joint - (total.log() + shift).sum(-1)).sum()
    surplus = mass.div_(total[:, None]).neg_().add_((joint - log_joint[:, None]).exp()[..., None])
    return value, surplus
