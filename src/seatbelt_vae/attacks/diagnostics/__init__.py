"""Diagnostics of an attack: controls, checks of the model, validity flags."""

from seatbelt_vae.attacks.diagnostics.checked_attack import CheckedAttack, checked_attack
from seatbelt_vae.attacks.diagnostics.flags import FLAGS, Flag, Meaning, suite_flags

__all__ = ["FLAGS", "CheckedAttack", "Flag", "Meaning", "checked_attack", "suite_flags"]
