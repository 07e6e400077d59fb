r"""Mutual information of each latent unit and each factor, under the aggregate posterior.

.. math:: I(z_j; v) = E_{q(z, v)}\big[\log q(z_j|v) - \log q(z_j)\big]

:math:`q(z_j)` is a mixture over images, :math:`q(z_j|v)` over those with factor value v.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from seatbelt_vae.distributions import Normal
from seatbelt_vae.objectives.mixtures import ComponentWeights, log_mixtures

__all__ = ["MutualInformation", "Queries", "mutual_information"]

_AT_ONCE = 1 << 14


@dataclass(frozen=True)
class Queries:
    r"""Draws from the aggregate posterior.

    Args:
        z: :math:`z_q`, :math:`(Q, d)`.
        image: the image each was drawn for, :math:`(Q)`.
        conditional: the conditional each was drawn from, :math:`(Q, d)`; None with one layer, where
            it is the component of the image.
    """

    z: Tensor
    image: Tensor
    conditional: Normal | None = None

    def of(self, chosen: Tensor) -> "Queries":
        """The queries at some positions."""
        q = None if self.conditional is None else _part(self.conditional, chosen)
        return Queries(self.z[chosen], self.image[chosen], q)


@dataclass(frozen=True)
class MutualInformation:
    r"""Mutual information of every factor and unit, :math:`(F, d)`, nats, float64.

    Args:
        value: the estimate.
        lower, upper: bounds that enclose it in expectation; equal to it with one layer.
    """

    value: Tensor
    lower: Tensor
    upper: Tensor


def mutual_information(
    queries: Queries, components: Normal, factors: Sequence[Tensor]
) -> MutualInformation:
    r"""The mean over queries of :math:`\log q(z_{qj}|v_q) - \log q(z_{qj})`.

    With one layer both are sums over all images, exact for the images given. With more layers an
    image has several components, one per sampled path, and a query has another path. Replacing a
    component of its image by the query's conditional makes a log-density too large in
    expectation; without the replacement it is too small. The estimate replaces it in both
    densities, ``upper`` in the first only, and ``lower`` in the second only.

    Args:
        queries: draws, each for one image.
        components: conditionals of N images along C paths, path by path, :math:`(CN, d)`.
        factors: the value of each factor at each image, :math:`(N)`.

    Example:
        >>> image = torch.tensor([0, 1])
        >>> components = Normal(torch.tensor([[-9.0], [9.0]]), torch.zeros(2, 1))
        >>> mutual_information(Queries(components.mean, image), components, [image]).value  # log 2
        tensor([[0.6931]], dtype=torch.float64)
    """
    without, replaced = range(2)
    marginal = _log_density(queries, components, queries.image)
    value, lower, upper = [], [], []
    for values in factors:
        known = _log_density_given(queries, components, values)
        value.append((known[replaced] - marginal[replaced]).mean(0))
        lower.append((known[without] - marginal[replaced]).mean(0))
        upper.append((known[replaced] - marginal[without]).mean(0))
    return MutualInformation(torch.stack(value), torch.stack(lower), torch.stack(upper))


def _log_density_given(queries: Queries, components: Normal, values: Tensor) -> Tensor:
    """As `_log_density`, of the mixture over the images that share a factor's value."""
    found = torch.empty(2, *queries.z.shape, dtype=torch.float64)
    paths = len(components.mean) // len(values)
    of_queries = values[queries.image]
    for value in of_queries.unique():
        chosen, images = (of_queries == value).nonzero()[:, 0], (values == value).nonzero()[:, 0]
        found[:, chosen] = _log_density(
            queries.of(chosen),
            _part(components, (values == value).repeat(paths)),
            torch.searchsorted(images, queries.image[chosen]),
        )
    return found


def _log_density(queries: Queries, components: Normal, place: Tensor) -> Tensor:
    r"""The mixture's log-density of each unit without and with a query's conditional.

    Args:
        queries: draws.
        components: the components of the mixture, :math:`(M, d)`.
        place: the component that the conditional of each query replaces.

    Returns:
        :math:`\log \frac1M \sum_m q_m(z_{qj})` twice, :math:`(2, Q, d)`, float64.
    """
    z = queries.z
    others = torch.full(z.shape, -math.inf, dtype=torch.float64)
    for first in range(0, len(components.mean), _AT_ONCE):
        part = _part(components, slice(first, first + _AT_ONCE))
        inside = ((place >= first) & (place < first + len(part.mean))).nonzero()[:, 0]
        weights = ComponentWeights.equal(len(z), len(part.mean), 0.0)
        weights = weights.without(inside, place[inside] - first)
        found = log_mixtures(z, part.mean, part.log_variance, weights, gradients=False)
        others = torch.logaddexp(others, found.marginals)
    replaced = _part(components, place)
    last = [q.log_prob_units(z).double() for q in (replaced, queries.conditional or replaced)]
    sums = torch.stack([torch.logaddexp(others, density) for density in last])
    return sums - math.log(len(components.mean))


def _part(q: Normal, rows: Tensor | slice) -> Normal:
    return Normal(q.mean[rows], q.log_variance[rows])
