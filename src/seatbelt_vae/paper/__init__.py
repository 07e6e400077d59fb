"""Reproduction of every figure, table and claim of Willetts et al. (2021).

`EXPERIMENTS` are the figures and tables, `SIZES` the sizes of a reproduction.
"""

from seatbelt_vae.paper.experiments import EXPERIMENTS
from seatbelt_vae.paper.sizes import SIZES

__all__ = ["EXPERIMENTS", "SIZES"]
