r"""Total correlation and mutual information of the aggregate posterior, for reporting.

.. math:: q(z) = \frac1N \sum_n q(z|x_n)

With one layer each :math:`q(z|x_n)` is a Gaussian and the sum over the data set is exact. With more
layers :math:`q(z^L|x_n)` is an intractable mixture over :math:`z^{L-1}`. A single number would be
wrong by tens of nats in either direction, so a bracket is reported.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from seatbelt_vae.distributions import Normal
from seatbelt_vae.objectives.mixtures import ComponentWeights, log_mixtures

__all__ = ["AggregatePosterior", "Aggregates", "Bracket"]

Components = Callable[[int], Iterator[tuple[int, Normal]]]
"""Maps a chain number to the top conditionals of all images along that chain, in chunks.

A chunk comes with the position of its first image. A chain is the same at every call, and
independent of other chains and of the queries.
"""

_FIRST_CHAINS = 8
_CLOSE = 0.5


@dataclass(frozen=True)
class Bracket:
    """Bounds that enclose a quantity in expectation; equal if it is known exactly.

    Args:
        lower, upper: the bounds, nats.
        chains: chains per image.
        error: Monte Carlo standard error of the bounds over the queries, nats, the larger of both.
    """

    lower: float
    upper: float
    chains: int
    error: float

    @classmethod
    def of(cls, lower: Tensor, upper: Tensor, chains: int) -> "Bracket":
        """The means over queries :math:`(Q)`."""
        error = torch.stack([lower, upper]).std(1).amax() / len(lower) ** 0.5
        return cls(float(lower.mean()), float(upper.mean()), chains, float(error.nan_to_num()))

    @property
    def width(self) -> float:
        """Difference of the bounds, nats."""
        return self.upper - self.lower


@dataclass(frozen=True)
class Aggregates:
    r"""Measures of the aggregate posterior of the top layer.

    Args:
        total_correlation: :math:`KL(q(z^L) \| \prod_j q(z^L_j))`, nats.
        mutual_information: :math:`I(z^L; (x, z^{L-1}))`, nats; at most :math:`\log N` at L = 1.
        images: N.
        queries: draws averaged over.
    """

    total_correlation: Bracket
    mutual_information: Bracket
    images: int
    queries: int


@dataclass(frozen=True)
class AggregatePosterior:
    r"""The mixture :math:`q(z^L)` over a set of images.

    A query :math:`z_k` is drawn along a chain of image k. With this chain among the components
    :math:`\log \hat q(z_k)` is too large in expectation; with an independent chain it is too small.
    All other images use independent chains. Chains are doubled from 8 until the bracket is narrow.

    Args:
        components: the mixture's components.
        size: N, the number of images.
        exact: the components do not depend on the chain (one layer).
    """

    components: Components
    size: int
    exact: bool

    def measure(
        self, queries: Tensor, conditionals: Normal, position: Tensor, max_chains: int = 512
    ) -> Aggregates:
        """Averages over queries drawn from the mixture.

        Args:
            queries: :math:`z_k`, :math:`(Q, d)`.
            conditionals: the conditional of each query, :math:`(Q, d)`.
            position: the image of each query, :math:`(Q)`.
            max_chains: largest number of chains.
        """
        q = Normal(conditionals.mean.double(), conditionals.log_variance.double())
        sums = _Sums(queries, q, position.cpu(), self.size, self.exact)
        limit = 1 if self.exact else max_chains
        for chain in range(limit):
            for first, chunk in self.components(chain):
                sums.add(chain, first, chunk)
            done = chain + 1
            if done >= _FIRST_CHAINS and done & chain == 0 and sums.tc(done).width < _CLOSE:
                break
        return Aggregates(sums.tc(done), sums.information(done), self.size, len(queries))


class _Sums:
    """Running log-sums over components for every query, for the joint and for each unit."""

    def __init__(
        self, queries: Tensor, conditionals: Normal, position: Tensor, size: int, exact: bool
    ) -> None:
        self.queries, self.conditionals, self.position = queries, conditionals, position
        self.size, self.exact = size, exact
        # the last column is the joint; `fresh` holds chain 0 of the query's image separately
        self.others = torch.full(
            (len(queries), queries.shape[1] + 1),
            -math.inf,
            dtype=torch.float64,
            device=queries.device,
        )
        self.fresh = self.others.clone()

    def add(self, chain: int, first: int, chunk: Normal) -> None:
        """Add the components of images ``first, first + 1, …`` along one chain."""
        weights = ComponentWeights.equal(len(self.queries), len(chunk.mean), 0.0)
        if chain == 0 and not self.exact:
            place = self.position - first
            inside = ((place >= 0) & (place < len(chunk.mean))).nonzero()[:, 0]
            place = place[inside]
            q = Normal(chunk.mean[place].double(), chunk.log_variance[place].double())
            self.fresh[inside] = _with_joint(q.log_prob_units(self.queries[inside].double()))
            weights = weights.without(inside, place)
        found = log_mixtures(
            self.queries,
            chunk.mean.to(self.queries),
            chunk.log_variance.to(self.queries),
            weights.to(self.queries.device),
            gradients=False,
        )
        sums = torch.cat([found.marginals, found.joint[:, None]], dim=1)
        self.others = torch.logaddexp(self.others, sums)

    def tc(self, chains: int) -> Bracket:
        lower, upper = self._log_density(chains)
        return Bracket.of(
            lower[:, -1] - upper[:, :-1].sum(1), upper[:, -1] - lower[:, :-1].sum(1), chains
        )

    def information(self, chains: int) -> Bracket:
        lower, upper = self._log_density(chains)
        log_q = self.conditionals.log_prob(self.queries.double())
        return Bracket.of(log_q - upper[:, -1], log_q - lower[:, -1], chains)

    def _log_density(self, chains: int) -> tuple[Tensor, Tensor]:
        if self.exact:
            exact = self.others - math.log(self.size)
            return exact, exact
        log_q = _with_joint(self.conditionals.log_prob_units(self.queries.double()))
        count = math.log(self.size * chains)
        lower, upper = (torch.logaddexp(self.others, last) - count for last in (self.fresh, log_q))
        return lower, upper


def _with_joint(units: Tensor) -> Tensor:
    return torch.cat([units, units.sum(-1, keepdim=True)], dim=-1)
