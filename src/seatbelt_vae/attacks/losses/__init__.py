"""Objectives of attacks: one file per loss, named after it; shared modules begin with ``_``."""

from seatbelt_vae.attacks.losses._bound import BoundLoss, Codes, Loss, Parts
from seatbelt_vae.attacks.losses._choice import loss_of
from seatbelt_vae.attacks.losses._function import FunctionLoss
from seatbelt_vae.attacks.losses._latent import LatentLoss
from seatbelt_vae.attacks.losses._paths import mean_over_draws
from seatbelt_vae.attacks.losses.damage_posterior import PosteriorDamage
from seatbelt_vae.attacks.losses.damage_reconstruction import ReconstructionDamage
from seatbelt_vae.attacks.losses.latent_l2 import LatentDistance
from seatbelt_vae.attacks.losses.output import OutputLoss
from seatbelt_vae.attacks.losses.output_l2 import OutputDistance

__all__ = [
    "BoundLoss",
    "Codes",
    "FunctionLoss",
    "LatentDistance",
    "LatentLoss",
    "Loss",
    "OutputDistance",
    "OutputLoss",
    "Parts",
    "PosteriorDamage",
    "ReconstructionDamage",
    "loss_of",
    "mean_over_draws",
]
