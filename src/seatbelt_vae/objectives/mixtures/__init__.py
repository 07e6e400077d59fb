"""Log-densities of samples under mixtures of Gaussians: what an aggregate posterior costs."""

import torch
from torch import Tensor

from seatbelt_vae.objectives.mixtures.native import by_native_code, native_code
from seatbelt_vae.objectives.mixtures.result import MixtureDensities
from seatbelt_vae.objectives.mixtures.tiles import by_tiles
from seatbelt_vae.objectives.mixtures.weights import ComponentWeights

__all__ = ["ComponentWeights", "MixtureDensities", "log_mixtures"]


def log_mixtures(
    z: Tensor, mean: Tensor, log_variance: Tensor, weights: ComponentWeights, *, gradients: bool
) -> MixtureDensities:
    r"""Log-densities of every sample under its mixture, over all units and unit by unit.

    One exponential for each sample, component and unit serves values and slopes; no array of them
    all is made. On the CPU and in float32 compiled code does it, if the package was built with a
    compiler; on a GPU a tile of them is compiled by torch, if it finds Triton.

    Args:
        z: samples, :math:`(K, d)`.
        mean, log_variance: the components, :math:`(M, d)`.
        weights: theirs, for each sample.
        gradients: whether to form slopes too.
    """
    native = z.device.type == "cpu" and z.dtype == torch.float32 and native_code() is not None
    compute = by_native_code if native else by_tiles
    return compute(z, mean, log_variance, weights, gradients=gradients)
