"""The figures and tables of Willetts et al. (2021), one file each."""

from seatbelt_vae.paper.experiment import Experiment
from seatbelt_vae.paper.experiments.ablation import ABLATION
from seatbelt_vae.paper.experiments.fig1 import FIG1
from seatbelt_vae.paper.experiments.fig2 import FIG2
from seatbelt_vae.paper.experiments.fig3 import FIG3
from seatbelt_vae.paper.experiments.fig4 import FIG4
from seatbelt_vae.paper.experiments.fig5 import FIG5
from seatbelt_vae.paper.experiments.fig6 import FIG6
from seatbelt_vae.paper.experiments.fig_a7 import FIGA7
from seatbelt_vae.paper.experiments.fig_d8 import FIGD8
from seatbelt_vae.paper.experiments.fig_e9 import FIGE9
from seatbelt_vae.paper.experiments.fig_e11 import FIGE11
from seatbelt_vae.paper.experiments.fig_f12 import FIGF12
from seatbelt_vae.paper.experiments.table1 import TABLE1

__all__ = ["EXPERIMENTS"]

EXPERIMENTS: dict[str, Experiment] = {
    experiment.id: experiment
    for experiment in (
        *(FIG1, FIG2, FIG3, FIG4, FIG5, FIG6, TABLE1),
        *(FIGA7, FIGD8, FIGE9, FIGE11, FIGF12, ABLATION),
    )
}
"""Experiments by their name on the command line, in the order of the paper."""
