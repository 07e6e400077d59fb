"""A run's model attacked on many pairs: which pairs, in which processes, in which files."""

from seatbelt_vae.attacks.batteries.battery import PairsDone, run_battery
from seatbelt_vae.attacks.batteries.pairs import choose_pairs

__all__ = ["PairsDone", "choose_pairs", "run_battery"]
