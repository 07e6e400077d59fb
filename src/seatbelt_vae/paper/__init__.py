"""The paper by command: every figure and table of Willetts et al. (2021), and its claims answered.

`EXPERIMENTS` are the figures and tables, `SIZES` how large they are made, `reproduce` makes them.
"""

from seatbelt_vae.paper.experiments import EXPERIMENTS
from seatbelt_vae.paper.sizes import SIZES

__all__ = ["EXPERIMENTS", "SIZES"]
