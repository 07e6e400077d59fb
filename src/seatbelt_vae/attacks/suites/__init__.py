"""Suites: one model attacked on many pairs, by several processes, stored in files."""

from seatbelt_vae.attacks.suites.pairs import choose_pairs
from seatbelt_vae.attacks.suites.suite import PairsDone, run_suite

__all__ = ["PairsDone", "choose_pairs", "run_suite"]
