r"""Total correlation of the aggregate posterior, estimated from a minibatch.

.. math::
    \widehat{TC} = \frac1K \sum_k \Big\{ \log \sum_m w_{km} \prod_j q_m(z_{kj})
                   - \sum_j \log \sum_m w_{km}\, q_m(z_{kj}) \Big\}

with components :math:`q_m = q(\cdot|z_m^{L-1}, x_m)` of the same batch. The estimators differ in
the weights :math:`w_{km}` only. Value and gradient are computed in one pass over tiles of samples,
in memory :math:`O(M d)`.
"""

import math
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from seatbelt_vae.errors import ConfigError, ShapeError
from seatbelt_vae.objectives.mixtures import ComponentWeights, log_mixtures

__all__ = ["component_log_weights", "component_weights", "total_correlation"]


def total_correlation(
    z: Tensor,
    mean: Tensor,
    log_variance: Tensor,
    data_size: int,
    estimator: str = "mws",
    own: Tensor | None = None,
) -> Tensor:
    r"""Minibatch estimate of :math:`TC(z) = KL(q(z)\,\|\,\prod_j q(z_j))`, nats, a scalar.

    ``mws`` is biased by tens of nats, but its gradient does not depend on N. Its value must not be
    reported as the total correlation.

    Args:
        z: samples, :math:`z_k \sim q_k`, shape :math:`(K, d)`.
        mean, log_variance: the components, :math:`(M, d)`.
        data_size: N, images in the training split.
        estimator: ``mws``, ``mss``, ``mss-chen`` or ``mss-published``.
        own: the component each sample was drawn from, :math:`(K)` (default: k for sample k).

    Raises:
        ConfigError: fewer than 2 components, or more components than images in the data set.
        ShapeError: ``own`` is not :math:`(K)` integers below M, or the shapes do not fit.

    Source: Chen et al. (2018), appendix C, with the stratified weights corrected.

    Example:
        >>> z = torch.zeros(4, 2)
        >>> abs(total_correlation(z, z, z, data_size=4, estimator="mss").item()) < 1e-6
        True
    """
    # sums over a batch need more digits than bfloat16
    dtype = torch.promote_types(z.dtype, torch.float32)
    weights = component_weights(estimator, len(z), len(mean), data_size, own).to(z.device)
    value: Tensor = _TotalCorrelation.apply(
        *(t.to(dtype) for t in (z, mean, log_variance)), weights
    )
    return value


def component_weights(
    estimator: str, rows: int, components: int, data_size: int, own: Tensor | None = None
) -> ComponentWeights:
    r""":math:`\log w_{km}` for K samples and M components.

    * ``mws``: :math:`1/(NM)`.
    * ``mss``: :math:`1/N` on the own component, :math:`(N-1)/(N(M-1))` elsewhere. Rows sum to 1,
      the mixture is unbiased for :math:`q(z)`, and exact at :math:`M = N`.
    * ``mss-chen``: :math:`(N-M')/(NM')` on the next column, :math:`1/M'` elsewhere, :math:`M'=M-1`.
    * ``mss-published``: the layout of public code, :math:`1/N` in column 0 instead of on the
      diagonal. It is wrong, and kept to reproduce published numbers.

    Raises:
        ConfigError, ShapeError: as `total_correlation`.
    """
    m, n = components, data_size
    if m < 2 or m > n:
        raise ConfigError(
            f"a batch of {m} from a data set of {n} images: the TC needs at least 2 and at most "
            f"the data set's size"
        )
    own = torch.arange(rows) if own is None else _checked(own, rows, m)
    if estimator == "mws":
        return ComponentWeights.equal(rows, m, -math.log(n * m))
    stratum = (n - m + 1) / (n * (m - 1))
    one_of_all = torch.full((rows,), 1 / n, dtype=torch.float64)
    rest = torch.full((rows,), stratum, dtype=torch.float64)
    if estimator == "mss":
        common, columns, others = (n - 1) / (n * (m - 1)), [own], [one_of_all]
    elif estimator == "mss-chen":
        common, columns, others = 1 / (m - 1), [own, (own + 1) % m], [one_of_all, rest]
    elif estimator == "mss-published":
        first = torch.where(own == m - 2, rest, one_of_all)
        columns = [torch.zeros(rows), torch.ones(rows)]
        common, others = 1 / (m - 1), [first, rest]
    else:
        raise ConfigError(
            f"unknown tc_estimator {estimator!r}: known: mws, mss, mss-chen, mss-published"
        )
    return ComponentWeights(
        m, math.log(common), torch.stack(columns, 1).int(), torch.stack(others, 1).log()
    )


def component_log_weights(
    estimator: str, rows: int, components: int, data_size: int, own: Tensor | None = None
) -> Tensor:
    """The weights of `component_weights` as a matrix, :math:`(K, M)`, float64."""
    return component_weights(estimator, rows, components, data_size, own).dense()


def _checked(own: Tensor, rows: int, components: int) -> Tensor:
    """The checked component of each sample, on the CPU."""
    integers = not (own.is_floating_point() or own.is_complex() or own.dtype == torch.bool)
    if own.shape != (rows,) or not integers:
        raise ShapeError(
            f"own is {own.dtype} of shape {tuple(own.shape)}, expected ({rows},) integers: the "
            f"component of each sample"
        )
    own = own.cpu()
    if rows and not (own.min() >= 0 and own.max() < components):
        raise ShapeError(
            f"own names components {own.min()} … {own.max()}, expected 0 … {components - 1}"
        )
    return own


class _TotalCorrelation(Function):
    """The estimate, with gradients computed in the forward pass."""

    @staticmethod
    def forward(
        ctx: Any, z: Tensor, mean: Tensor, log_variance: Tensor, weights: ComponentWeights
    ) -> Tensor:
        found = log_mixtures(z, mean, log_variance, weights, gradients=any(ctx.needs_input_grad))
        if found.slopes is not None:
            ctx.save_for_backward(*(slope / len(z) for slope in found.slopes))
        return (found.joint - found.marginals.sum(1)).mean().to(z.dtype)

    # saved gradients are constants, so a second derivative would be wrong
    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        return *(grads[0] * slope for slope in ctx.saved_tensors), None
