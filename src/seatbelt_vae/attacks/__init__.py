"""Attacks on any autoencoder behind the protocol.

`attack` states a `Problem` (a loss, a threat, its levels), gives it to one of ``protocols`` and
returns an `AttackResult`. ``validity`` says whether to believe it; ``batteries`` do it to many
pairs, on disk.
"""

from seatbelt_vae.attacks.attack import attack
from seatbelt_vae.attacks.batteries import PairsDone, choose_pairs, run_battery
from seatbelt_vae.attacks.losses import (
    FunctionLoss,
    LatentLoss,
    OutputDistance,
    OutputLoss,
    PosteriorDamage,
    ReconstructionDamage,
)
from seatbelt_vae.attacks.problem import Problem
from seatbelt_vae.attacks.protocols import Aim, budgeted_attack
from seatbelt_vae.attacks.result import AttackResult
from seatbelt_vae.attacks.validity import FLAGS, Flag, Judged, Meaning, judged_attack
from seatbelt_vae.config.attack import battery_name

__all__ = [
    "FLAGS",
    "Aim",
    "AttackResult",
    "Flag",
    "FunctionLoss",
    "Judged",
    "LatentLoss",
    "Meaning",
    "OutputDistance",
    "OutputLoss",
    "PairsDone",
    "PosteriorDamage",
    "Problem",
    "ReconstructionDamage",
    "attack",
    "battery_name",
    "budgeted_attack",
    "choose_pairs",
    "judged_attack",
    "run_battery",
]
