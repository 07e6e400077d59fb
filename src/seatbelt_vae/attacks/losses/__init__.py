"""Objectives of attacks: one file per loss, named after it.

Modules that begin with ``_`` are shared, or hold losses that need a function of the user.
"""

from seatbelt_vae.attacks.losses._bound import BoundLoss, Codes, Loss, Parts
from seatbelt_vae.attacks.losses._choice import loss_of
from seatbelt_vae.attacks.losses._classifier_margin import ClassifierMargin
from seatbelt_vae.attacks.losses._expected import ExpectedLoss
from seatbelt_vae.attacks.losses._function import FunctionLoss
from seatbelt_vae.attacks.losses._latent import LatentLoss
from seatbelt_vae.attacks.losses._paths import mean_over_draws
from seatbelt_vae.attacks.losses._score import ScoreLoss
from seatbelt_vae.attacks.losses.damage_identity import IdentityDamage
from seatbelt_vae.attacks.losses.damage_posterior import PosteriorDamage
from seatbelt_vae.attacks.losses.damage_reconstruction import ReconstructionDamage
from seatbelt_vae.attacks.losses.grill import LayerProduct
from seatbelt_vae.attacks.losses.latent_code import CodeDistance
from seatbelt_vae.attacks.losses.latent_l2 import LatentDistance
from seatbelt_vae.attacks.losses.latent_target import GivenCode
from seatbelt_vae.attacks.losses.output import OutputLoss
from seatbelt_vae.attacks.losses.output_l2 import OutputDistance
from seatbelt_vae.attacks.losses.output_reconstruction import ReconstructionDistance

__all__ = [
    "BoundLoss",
    "ClassifierMargin",
    "CodeDistance",
    "Codes",
    "ExpectedLoss",
    "FunctionLoss",
    "GivenCode",
    "IdentityDamage",
    "LatentDistance",
    "LatentLoss",
    "LayerProduct",
    "Loss",
    "OutputDistance",
    "OutputLoss",
    "Parts",
    "PosteriorDamage",
    "ReconstructionDamage",
    "ReconstructionDistance",
    "ScoreLoss",
    "loss_of",
    "mean_over_draws",
]
