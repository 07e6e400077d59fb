"""Attacks on any autoencoder behind the protocol.

`attack` builds a `Problem` (a loss, a threat, levels), solves it by one of ``methods`` and returns
an `AttackResult`. ``diagnostics`` adds controls and validity flags; ``suites`` attack many pairs
and store them.
"""

from seatbelt_vae.attacks.attack import attack
from seatbelt_vae.attacks.diagnostics import FLAGS, CheckedAttack, Flag, Meaning, checked_attack
from seatbelt_vae.attacks.losses import (
    ClassifierMargin,
    CodeDistance,
    FunctionLoss,
    GivenCode,
    IdentityDamage,
    LatentDistance,
    LatentLoss,
    LayerProduct,
    Loss,
    OutputDistance,
    OutputLoss,
    PosteriorDamage,
    ReconstructionDamage,
    ReconstructionDistance,
    ScoreLoss,
)
from seatbelt_vae.attacks.methods import budgeted_attack
from seatbelt_vae.attacks.problem import Problem
from seatbelt_vae.attacks.result import AttackResult
from seatbelt_vae.attacks.suites import PairsDone, choose_pairs, run_suite
from seatbelt_vae.config.attack import suite_name

__all__ = [
    "FLAGS",
    "AttackResult",
    "CheckedAttack",
    "ClassifierMargin",
    "CodeDistance",
    "Flag",
    "FunctionLoss",
    "GivenCode",
    "IdentityDamage",
    "LatentDistance",
    "LatentLoss",
    "LayerProduct",
    "Loss",
    "Meaning",
    "OutputDistance",
    "OutputLoss",
    "PairsDone",
    "PosteriorDamage",
    "Problem",
    "ReconstructionDamage",
    "ReconstructionDistance",
    "ScoreLoss",
    "attack",
    "budgeted_attack",
    "checked_attack",
    "choose_pairs",
    "run_suite",
    "suite_name",
]
