"""Classifiers that read what a model makes of images, clean and attacked (paper, table 1)."""

from seatbelt_vae.evaluation.downstream.measure import measure_downstream
from seatbelt_vae.evaluation.downstream.pairs import choose_class_pairs, class_factor
from seatbelt_vae.evaluation.downstream.probes import READERS, Readers

__all__ = ["READERS", "Readers", "choose_class_pairs", "class_factor", "measure_downstream"]
