"""Reproduction of every figure, table and claim of Willetts et al. (2021), and of our own studies.

`EXPERIMENTS` are the figures and tables, `SIZES` the sizes of a reproduction. `DEFENCES` is the
frontier of defences, with sizes of its own.
"""

from seatbelt_vae.paper.defence_sizes import DEFENCE_SIZES
from seatbelt_vae.paper.experiments import DEFENCES, EXPERIMENTS
from seatbelt_vae.paper.sizes import SIZES

__all__ = ["DEFENCES", "DEFENCE_SIZES", "EXPERIMENTS", "SIZES"]
