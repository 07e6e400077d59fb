"""Training: one loop, exact checkpoints, and an early, explained stop when numbers go bad."""

from seatbelt_vae.training.checkpoint import Checkpoint
from seatbelt_vae.training.conditions import Conditions
from seatbelt_vae.training.loop import train
from seatbelt_vae.training.progress import Progress

__all__ = ["Checkpoint", "Conditions", "Progress", "train"]
