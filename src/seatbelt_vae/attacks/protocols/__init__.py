"""How hard an attack tries: many starts and exchange, one start, or SciPy as the paper used it."""

from seatbelt_vae.attacks.protocols.budgeted import Aim, budgeted_attack
from seatbelt_vae.attacks.protocols.published import paper_attack
from seatbelt_vae.attacks.protocols.single import single_attack
from seatbelt_vae.attacks.protocols.strong import strong_attack

__all__ = ["Aim", "budgeted_attack", "paper_attack", "single_attack", "strong_attack"]
