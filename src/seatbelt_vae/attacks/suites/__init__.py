"""A run's model attacked on many pairs: which pairs, in which processes, in which files."""

from seatbelt_vae.attacks.suites.pairs import choose_pairs
from seatbelt_vae.attacks.suites.suite import PairsDone, run_suite

__all__ = ["PairsDone", "choose_pairs", "run_suite"]
