"""Training: the loop, exact checkpoints, and early stopping of diverged runs."""

from seatbelt_vae.training.checkpoint import Checkpoint
from seatbelt_vae.training.conditions import Conditions
from seatbelt_vae.training.loop import train
from seatbelt_vae.training.progress import Progress

__all__ = ["Checkpoint", "Conditions", "Progress", "train"]
