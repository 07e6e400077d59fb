"""Attack methods: many starts with exchange, one start, or SciPy's L-BFGS-B as published."""

from seatbelt_vae.attacks.methods.budgeted import budgeted_attack
from seatbelt_vae.attacks.methods.refinement import refine
from seatbelt_vae.attacks.methods.scipy_lbfgsb import paper_attack
from seatbelt_vae.attacks.methods.single import single_attack
from seatbelt_vae.attacks.methods.strong import strong_attack

__all__ = ["budgeted_attack", "paper_attack", "refine", "single_attack", "strong_attack"]
