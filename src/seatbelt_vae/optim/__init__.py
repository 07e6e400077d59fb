"""Minimisation: networks by Adam, and thousands of independent rows in a box or a ball."""

from seatbelt_vae.optim.adam import Adam
from seatbelt_vae.optim.box import project_direction
from seatbelt_vae.optim.gradient_free import minimize_gradient_free
from seatbelt_vae.optim.minimize import minimize
from seatbelt_vae.optim.minimum import Minimum, Status
from seatbelt_vae.optim.pgd import minimize_by_pgd

__all__ = [
    "Adam",
    "Minimum",
    "Status",
    "minimize",
    "minimize_by_pgd",
    "minimize_gradient_free",
    "project_direction",
]
