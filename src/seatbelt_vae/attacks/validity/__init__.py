"""Whether an attack is to be believed: controls beside it, probes of the model, flags."""

from seatbelt_vae.attacks.validity.flags import FLAGS, Flag, Meaning, battery_flags
from seatbelt_vae.attacks.validity.judged import Judged, judged_attack

__all__ = ["FLAGS", "Flag", "Judged", "Meaning", "battery_flags", "judged_attack"]
