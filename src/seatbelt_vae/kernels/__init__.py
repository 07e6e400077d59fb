"""Compiled kernels in C++, each with a slower PyTorch or NumPy implementation at its call site.

`Kernel` checks every argument before it passes a pointer. Without a kernel its step must
take at least a tenth longer (`benchmarks/kernels.py`).
"""

from seatbelt_vae.kernels.catalogue import FUSED_CONV, MIXTURES, RASTERISER
from seatbelt_vae.kernels.kernel import Kernel

__all__ = ["FUSED_CONV", "MIXTURES", "RASTERISER", "Kernel"]
