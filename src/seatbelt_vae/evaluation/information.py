r"""What each latent unit knows of each known factor, under the aggregate posterior.

.. math:: I(z_j; v) = E_{q(z, v)}\big[\log q(z_j|v) - \log q(z_j)\big]

Both densities are mixtures over images, the one over those that share the value of the factor.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from seatbelt_vae.distributions import Normal
from seatbelt_vae.objectives.mixtures import ComponentWeights, log_mixtures

__all__ = ["Informations", "Queries", "informations"]

_AT_ONCE = 1 << 14


@dataclass(frozen=True)
class Queries:
    r"""Draws from the aggregate posterior.

    Args:
        z: :math:`z_q`, :math:`(Q, d)`.
        owner: the image each was drawn for, :math:`(Q)`.
        own: the conditional each was drawn from, :math:`(Q, d)`; None with one layer, where it is
            the owner's component.
    """

    z: Tensor
    owner: Tensor
    own: Normal | None = None

    def of(self, chosen: Tensor) -> "Queries":
        """Some of them."""
        own = self.own
        if own is not None:
            own = Normal(own.mean[chosen], own.log_variance[chosen])
        return Queries(self.z[chosen], self.owner[chosen], own)


@dataclass(frozen=True)
class Informations:
    r"""What every unit knows of every factor, :math:`(F, d)`, nats, float64.

    Args:
        value: the estimate.
        lower, upper: what encloses it in expectation; equal to it with one layer.
    """

    value: Tensor
    lower: Tensor
    upper: Tensor


def informations(queries: Queries, components: Normal, factors: Sequence[Tensor]) -> Informations:
    r"""The mean over queries of :math:`\log q(z_{qj}|v_q) - \log q(z_{qj})`.

    With one layer both are sums over all images and exact for the images given. With more, an image
    has several components, each at the end of a path of its own, and a query another path. Counting
    the query's own conditional in place of one of its image's makes a log-density too large in
    expectation, not counting it too small. The estimate counts it in both densities; ``upper``
    counts it in the first only, and ``lower`` in the second only.

    Args:
        queries: draws, each for one image.
        components: of N images along C paths each, path by path, :math:`(CN, d)`.
        factors: the value of each factor at each image, :math:`(N)`.

    Example:
        >>> image = torch.tensor([0, 1])
        >>> components = Normal(torch.tensor([[-9.0], [9.0]]), torch.zeros(2, 1))
        >>> informations(Queries(components.mean, image), components, [image]).value  # log 2
        tensor([[0.6931]], dtype=torch.float64)
    """
    without, counted = range(2)
    marginal = _log_density(queries, components, queries.owner)
    value, lower, upper = [], [], []
    for values in factors:
        known = _log_density_given(queries, components, values)
        value.append((known[counted] - marginal[counted]).mean(0))
        lower.append((known[without] - marginal[counted]).mean(0))
        upper.append((known[counted] - marginal[without]).mean(0))
    return Informations(torch.stack(value), torch.stack(lower), torch.stack(upper))


def _log_density_given(queries: Queries, components: Normal, values: Tensor) -> Tensor:
    """As `_log_density`, of the mixture over the images that share a factor's value."""
    found = torch.empty(2, *queries.z.shape, dtype=torch.float64)
    paths = len(components.mean) // len(values)
    asked = values[queries.owner]
    for value in asked.unique():
        chosen, images = (asked == value).nonzero()[:, 0], (values == value).nonzero()[:, 0]
        sharing = (values == value).repeat(paths)
        found[:, chosen] = _log_density(
            queries.of(chosen),
            Normal(components.mean[sharing], components.log_variance[sharing]),
            torch.searchsorted(images, queries.owner[chosen]),
        )
    return found


def _log_density(queries: Queries, components: Normal, place: Tensor) -> Tensor:
    r"""The mixture's log-density of each unit without a query's own conditional, and with it.

    Args:
        queries: draws.
        components: of the mixture, :math:`(M, d)`.
        place: the component of each query's image that its own conditional stands in for.

    Returns:
        :math:`\log \frac1M \sum_m q_m(z_{qj})` twice, :math:`(2, Q, d)`, float64.
    """
    z = queries.z
    others = torch.full(z.shape, -math.inf, dtype=torch.float64)
    for first in range(0, len(components.mean), _AT_ONCE):
        mean, log_variance = (
            t[first : first + _AT_ONCE] for t in (components.mean, components.log_variance)
        )
        inside = ((place >= first) & (place < first + len(mean))).nonzero()[:, 0]
        weights = ComponentWeights.equal(len(z), len(mean), 0.0)
        weights = weights.without(inside, place[inside] - first)
        found = log_mixtures(z, mean, log_variance, weights, gradients=False)
        others = torch.logaddexp(others, found.marginals)
    replaced = Normal(components.mean[place], components.log_variance[place])
    kept = [q.log_prob_units(z).double() for q in (replaced, queries.own or replaced)]
    return torch.stack([torch.logaddexp(others, one) for one in kept]) - math.log(
        len(components.mean)
    )
