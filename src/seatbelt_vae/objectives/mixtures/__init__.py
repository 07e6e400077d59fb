"""Log-densities of samples under mixtures of Gaussians, such as an aggregate posterior."""

import torch
from torch import Tensor

from seatbelt_vae.kernels import MIXTURES
from seatbelt_vae.objectives.mixtures.components import ComponentWeights, MixtureDensities
from seatbelt_vae.objectives.mixtures.mixture_kernel import by_kernel
from seatbelt_vae.objectives.mixtures.tiles import by_tiles

__all__ = ["ComponentWeights", "MixtureDensities", "log_mixtures"]


def log_mixtures(
    z: Tensor, mean: Tensor, log_variance: Tensor, weights: ComponentWeights, *, gradients: bool
) -> MixtureDensities:
    r"""Log-densities of every sample under its mixture, for all units jointly and for each unit.

    Values and slopes share one exponential per sample, component and unit. Tiles of samples bound
    the memory. A compiled kernel computes float32 on the CPU. On a GPU torch compiles a tile
    if Triton is installed. NaN propagates.

    Args:
        z: samples, :math:`(K, d)`.
        mean, log_variance: the components, :math:`(M, d)`.
        weights: weights of the components for each sample.
        gradients: whether to compute slopes too.

    Raises:
        ShapeError: shapes that do not fit, or a weight of a component that does not exist.
    """
    native = z.device.type == "cpu" and z.dtype == torch.float32 and MIXTURES.is_built()
    compute = by_kernel if native else by_tiles
    return compute(z, mean, log_variance, weights, gradients=gradients)
