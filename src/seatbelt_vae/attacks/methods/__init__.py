"""How hard an attack tries: many starts and exchange, one start, or SciPy as the paper used it."""

from seatbelt_vae.attacks.methods.budgeted import Aim, budgeted_attack
from seatbelt_vae.attacks.methods.published import paper_attack
from seatbelt_vae.attacks.methods.single import single_attack
from seatbelt_vae.attacks.methods.strong import strong_attack

__all__ = ["Aim", "budgeted_attack", "paper_attack", "single_attack", "strong_attack"]
