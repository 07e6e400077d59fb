"""The figures and tables of Willetts et al. (2021)."""

from seatbelt_vae.paper.experiment import Experiment
from seatbelt_vae.paper.experiments import attack_figures as attacks
from seatbelt_vae.paper.experiments import model_figures as models
from seatbelt_vae.paper.experiments.defences import DEFENCES, PROBED_DEFENCES
from seatbelt_vae.paper.experiments.public_figures import PUBLIC

__all__ = ["DEFENCES", "EXPERIMENTS", "PROBED_DEFENCES", "PUBLIC"]

EXPERIMENTS: dict[str, Experiment] = {
    experiment.id: experiment
    for experiment in (
        *(attacks.FIG1, models.FIG2, attacks.FIG3, attacks.FIG4, attacks.FIG5, models.FIG6),
        *(models.TABLE1, models.FIGA7, attacks.FIGD8, attacks.FIGE9, attacks.FIGE11),
        *(models.FIGF12, attacks.ABLATION),
    )
}
"""Experiments by their name on the command line, in the order of the paper."""
