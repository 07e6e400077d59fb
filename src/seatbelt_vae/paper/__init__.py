"""Reproduction of every figure, table and claim of Willetts et al. (2021), and of our own studies.

`EXPERIMENTS` are the figures and tables, `SIZES` the sizes of a reproduction. `DEFENCES` is the
frontier of defences and `PROBED_DEFENCES` classifiers behind them, with sizes of their own.
"""

from seatbelt_vae.paper.defence_sizes import DEFENCE_SIZES
from seatbelt_vae.paper.experiments import DEFENCES, EXPERIMENTS, PROBED_DEFENCES
from seatbelt_vae.paper.sizes import SIZES

__all__ = ["DEFENCES", "DEFENCE_SIZES", "EXPERIMENTS", "PROBED_DEFENCES", "SIZES"]
