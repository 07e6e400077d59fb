"""Arguments and results of mixture log-densities: weights of components, and densities."""

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

__all__ = ["ComponentWeights", "MixtureDensities"]


@dataclass(frozen=True)
class ComponentWeights:
    r"""Log-weights :math:`\log w_{km}` of M components for K samples, without an array of K × M.

    Args:
        components: M.
        log_common: log-weight of every component that is no exception.
        columns: exceptions of each sample, without repetition, :math:`(K, E)`.
        log_others: log-weights of the exceptions, :math:`(K, E)`, float64; −∞ for weight 0.
    """

    components: int
    log_common: float
    columns: Tensor
    log_others: Tensor

    @staticmethod
    def equal(samples: int, components: int, log_weight: float) -> "ComponentWeights":
        """The same weight for all components."""
        none = torch.zeros(samples, 0, dtype=torch.int32)
        return ComponentWeights(components, log_weight, none, none.double())

    def without(self, samples: Tensor, components: Tensor) -> "ComponentWeights":
        """Equal weights with one component left out for each of the given samples."""
        columns = torch.zeros(len(self.columns), 1, dtype=torch.int32)
        log_others = torch.full((len(columns), 1), self.log_common, dtype=torch.float64)
        columns[samples, 0], log_others[samples, 0] = components.int(), -math.inf
        return replace(self, columns=columns, log_others=log_others)

    def to(self, device: torch.device) -> "ComponentWeights":
        """The weights on another device."""
        return replace(self, columns=self.columns.to(device), log_others=self.log_others.to(device))

    def dense(self, rows: slice = slice(None)) -> Tensor:
        """Log-weights of a slice of the samples, :math:`(K, M)`, float64."""
        columns = self.columns[rows].long()
        log_weights = torch.full(
            (len(columns), self.components), self.log_common, dtype=torch.float64
        ).to(columns.device)
        return log_weights.scatter_(1, columns, self.log_others[rows])


@dataclass(frozen=True)
class MixtureDensities:
    r"""Log-densities of K samples under a mixture over d units, nats.

    Args:
        joint: :math:`\log \sum_m w_{km} \prod_j q_m(z_{kj})`, :math:`(K)`, float64.
        marginals: :math:`\log \sum_m w_{km}\, q_m(z_{kj})`, :math:`(K, d)`, float64.
        slopes: derivatives of :math:`\sum_k(\text{joint} - \sum_j \text{marginals})` by the
            samples, the means and the log-variances, if requested.
    """

    joint: Tensor
    marginals: Tensor
    slopes: tuple[Tensor, ...] | None
