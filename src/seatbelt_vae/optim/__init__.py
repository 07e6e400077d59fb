"""Batched, bounded quasi-Newton minimisation over thousands of independent rows."""

from seatbelt_vae.optim.box import project_direction
from seatbelt_vae.optim.minimize import minimize
from seatbelt_vae.optim.minimum import Minimum, Status

__all__ = ["Minimum", "Status", "minimize", "project_direction"]
