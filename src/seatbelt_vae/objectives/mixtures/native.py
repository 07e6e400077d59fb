"""Mixture log-densities in one loop of C++, if the package was installed where a compiler is."""

import ctypes
from functools import cache

import torch
from torch import Tensor

from seatbelt_vae.compiled import compiled_part
from seatbelt_vae.objectives.mixtures.result import MixtureDensities
from seatbelt_vae.objectives.mixtures.weights import ComponentWeights

__all__ = ["by_native_code", "native_code"]


@cache
def native_code() -> ctypes.CDLL | None:
    """The compiled loop; None where the package was installed without a compiler."""
    library = compiled_part("seatbelt_vae.objectives.mixtures")
    if library is None:
        return None
    pointer, integer = ctypes.c_void_p, ctypes.c_int64
    library.log_mixtures.argtypes = (
        *(pointer,) * 3,
        *(integer,) * 3,
        ctypes.c_double,
        *(pointer,) * 2,
        integer,
        *(pointer,) * 5,
        integer,
    )
    library.log_mixtures.restype = ctypes.c_int
    return library


def by_native_code(
    z: Tensor, mean: Tensor, log_variance: Tensor, weights: ComponentWeights, *, gradients: bool
) -> MixtureDensities:
    """As `log_mixtures`, of float32 tensors on the CPU.

    Raises:
        MemoryError: there is too little.
    """
    library = native_code()
    assert library is not None
    z, mean, log_variance = (t.detach().contiguous() for t in (z, mean, log_variance))
    columns = weights.columns.to("cpu", torch.int32).contiguous()
    others = weights.log_others.to("cpu", torch.float64).contiguous()
    joint = torch.empty(len(z), dtype=torch.float64)
    marginals = torch.empty(z.shape, dtype=torch.float64)
    slopes = None
    if gradients:
        slopes = (torch.empty_like(z), torch.zeros_like(mean), torch.zeros_like(mean))
    failed = library.log_mixtures(
        *(t.data_ptr() for t in (z, mean, log_variance)),
        *(len(z), len(mean), z.shape[1]),
        weights.log_common,
        *(columns.data_ptr(), others.data_ptr(), columns.shape[1]),
        *(joint.data_ptr(), marginals.data_ptr()),
        *((None,) * 3 if slopes is None else (t.data_ptr() for t in slopes)),
        torch.get_num_threads(),
    )
    if failed:
        raise MemoryError(
            f"no memory for a mixture of {len(mean)} components in {z.shape[1]} units"
        )
    return MixtureDensities(joint, marginals, slopes)
