"""What an attack lowers besides the size of the distortion: one file a family of losses."""

from seatbelt_vae.attacks.losses.bound import BoundLoss, Loss, Parts
from seatbelt_vae.attacks.losses.choice import loss_of
from seatbelt_vae.attacks.losses.damage import PosteriorDamage, ReconstructionDamage
from seatbelt_vae.attacks.losses.function import FunctionLoss
from seatbelt_vae.attacks.losses.latent import LatentLoss
from seatbelt_vae.attacks.losses.output import OutputDistance, OutputLoss
from seatbelt_vae.attacks.losses.paths import Path

__all__ = [
    "BoundLoss",
    "FunctionLoss",
    "LatentLoss",
    "Loss",
    "OutputDistance",
    "OutputLoss",
    "Parts",
    "Path",
    "PosteriorDamage",
    "ReconstructionDamage",
    "loss_of",
]
