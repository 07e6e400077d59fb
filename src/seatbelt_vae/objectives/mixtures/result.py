"""Log-densities under a mixture, and their derivatives."""

from dataclasses import dataclass

from torch import Tensor

__all__ = ["MixtureDensities"]


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
