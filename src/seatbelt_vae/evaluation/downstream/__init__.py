"""Accuracy of classifiers of reconstructions and latents, clean and attacked (paper, table 1)."""

from seatbelt_vae.evaluation.downstream.attacked_probes import measure_probes
from seatbelt_vae.evaluation.downstream.class_pairs import choose_class_pairs, class_factor
from seatbelt_vae.evaluation.downstream.measure import measure_downstream
from seatbelt_vae.evaluation.downstream.probes import PROBES, Probes

__all__ = [
    "PROBES",
    "Probes",
    "choose_class_pairs",
    "class_factor",
    "measure_downstream",
    "measure_probes",
]
