"""Attacks on any autoencoder behind the protocol: losses, protocols, batteries, validity flags."""

from seatbelt_vae.attacks.attack import attack, attack_pair
from seatbelt_vae.attacks.battery import PairDone, battery_name, run_battery
from seatbelt_vae.attacks.budgeted import budgeted_attack
from seatbelt_vae.attacks.flags import FLAGS, Flag, Meaning
from seatbelt_vae.attacks.losses import LatentKL, OutputLoss
from seatbelt_vae.attacks.pairs import choose_pairs
from seatbelt_vae.attacks.problem import Problem
from seatbelt_vae.attacks.result import PairResult

__all__ = [
    "FLAGS",
    "Flag",
    "LatentKL",
    "Meaning",
    "OutputLoss",
    "PairDone",
    "PairResult",
    "Problem",
    "attack",
    "attack_pair",
    "battery_name",
    "budgeted_attack",
    "choose_pairs",
    "run_battery",
]
