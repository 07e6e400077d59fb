"""Attacks on any autoencoder behind the protocol: losses, protocols, batteries, validity flags."""

from seatbelt_vae.attacks.attack import attack
from seatbelt_vae.attacks.battery import PairsDone, battery_name, run_battery
from seatbelt_vae.attacks.budgeted import budgeted_attack
from seatbelt_vae.attacks.flags import FLAGS, Flag, Meaning
from seatbelt_vae.attacks.judged import Judged, judged_attack
from seatbelt_vae.attacks.losses import (
    FunctionLoss,
    LatentLoss,
    OutputDistance,
    OutputLoss,
    PosteriorDamage,
    ReconstructionDamage,
)
from seatbelt_vae.attacks.pairs import choose_pairs
from seatbelt_vae.attacks.problem import Problem
from seatbelt_vae.attacks.result import AttackResult

__all__ = [
    "FLAGS",
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
