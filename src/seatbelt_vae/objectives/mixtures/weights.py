"""Weights of mixture components: one common weight, and a few exceptions per sample."""

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

__all__ = ["ComponentWeights"]


@dataclass(frozen=True)
class ComponentWeights:
    r"""Log-weights :math:`\log w_{km}` of M components for K samples, without an array of K × M.

    Args:
        components: M.
        log_common: the weight of every component that is no exception.
        columns: for each sample the components of another weight, none twice, :math:`(K, E)`.
        log_others: their weights, :math:`(K, E)`, float64; −∞ leaves a component out.
    """

    components: int
    log_common: float
    columns: Tensor
    log_others: Tensor

    @staticmethod
    def equal(samples: int, components: int, log_weight: float) -> "ComponentWeights":
        """Without exceptions."""
        none = torch.zeros(samples, 0, dtype=torch.int32)
        return ComponentWeights(components, log_weight, none, none.double())

    def without(self, samples: Tensor, components: Tensor) -> "ComponentWeights":
        """With one component left out for each of some samples; there are no other exceptions."""
        columns = torch.zeros(len(self.columns), 1, dtype=torch.int32)
        log_others = torch.full((len(columns), 1), self.log_common, dtype=torch.float64)
        columns[samples, 0], log_others[samples, 0] = components.int(), -math.inf
        return replace(self, columns=columns, log_others=log_others)

    def to(self, device: torch.device) -> "ComponentWeights":
        """The same on another device."""
        return replace(self, columns=self.columns.to(device), log_others=self.log_others.to(device))

    def dense(self, rows: slice = slice(None)) -> Tensor:
        """Some samples' log-weights written out, :math:`(K, M)`, float64."""
        columns = self.columns[rows].long()
        log_weights = torch.full(
            (len(columns), self.components), self.log_common, dtype=torch.float64
        ).to(columns.device)
        return log_weights.scatter_(1, columns, self.log_others[rows])
