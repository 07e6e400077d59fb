"""Mixture log-densities by the compiled kernel."""

from torch import Tensor

from seatbelt_vae.kernels import MIXTURES
from seatbelt_vae.objectives.mixtures.components import ComponentWeights, MixtureDensities

__all__ = ["by_kernel"]


def by_kernel(
    z: Tensor, mean: Tensor, log_variance: Tensor, weights: ComponentWeights, *, gradients: bool
) -> MixtureDensities:
    """As `log_mixtures`, for float32 tensors on the CPU."""
    joint, marginals, *slopes = MIXTURES(
        "gradients" if gradients else "values",
        z=z.detach().contiguous(),
        mean=mean.detach().contiguous(),
        log_variance=log_variance.detach().contiguous(),
        log_weight=weights.log_common,
        columns=weights.columns.contiguous(),
        log_others=weights.log_others.contiguous(),
    )
    return MixtureDensities(joint, marginals, tuple(slopes) if gradients else None)
