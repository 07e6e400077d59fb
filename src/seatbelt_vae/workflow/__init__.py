"""The workflow: train, attack, measure, evaluate; finished steps are skipped.

Importing this package does not import torch.
"""

from seatbelt_vae.workflow.attempts import training_seconds
from seatbelt_vae.workflow.carry_out import assess, carry_out, lock_of
from seatbelt_vae.workflow.job import Hardening, Job, folder_name, key_of
from seatbelt_vae.workflow.status import (
    is_done,
    is_measured,
    is_of,
    trained_as,
    with_known_metrics,
)

__all__ = [
    "Hardening",
    "Job",
    "assess",
    "carry_out",
    "folder_name",
    "is_done",
    "is_measured",
    "is_of",
    "key_of",
    "lock_of",
    "trained_as",
    "training_seconds",
    "with_known_metrics",
]
