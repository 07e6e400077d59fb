"""Compiled kernels in C++, each with a slower form in PyTorch or NumPy where it is used.

`Kernel` is the only way to call them and checks every argument before a pointer is passed. A kernel
stays only if its step takes at least a tenth longer without it (`benchmarks/kernels.py`).
"""

from seatbelt_vae.kernels.catalogue import FUSED_CONV, LBFGS_MEMORY, MIXTURES, RASTERISER
from seatbelt_vae.kernels.door import Kernel

__all__ = ["FUSED_CONV", "LBFGS_MEMORY", "MIXTURES", "RASTERISER", "Kernel"]
