"""The total correlation of the top layer, estimated on the minibatch."""

from collections.abc import Mapping

import torch
from torch import Tensor

from seatbelt_vae.objectives.penalty import PenaltyInput, PenaltyLoss
from seatbelt_vae.objectives.total_correlation import total_correlation

__all__ = ["MinibatchTC"]


class MinibatchTC(PenaltyLoss):
    r""":math:`\widehat{TC}(z^L)` of this worker's codes against the components of all workers.

    Source: Chen et al. (2018); see `total_correlation`.
    """

    def __call__(self, given: PenaltyInput) -> tuple[Tensor, Mapping[str, Tensor]]:
        """The estimate, nats."""
        top, z = given.posterior.layers[-1], given.posterior.z[-1]
        workers = self.setup.workers
        components = workers.gather(top.mean), workers.gather(top.log_variance)
        own = workers.rank * len(z) + torch.arange(len(z))
        size, estimator = self.setup.data_size, self.setup.config.tc_estimator
        return total_correlation(z, *components, size, estimator, own), {}
