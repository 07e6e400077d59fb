"""Subjects: models under evaluation, and the ways to obtain them."""

from seatbelt_vae.subjects.adapters import wrap
from seatbelt_vae.subjects.model_before import model_before
from seatbelt_vae.subjects.open import as_subject, open_subject
from seatbelt_vae.subjects.result_folder import store_subject
from seatbelt_vae.subjects.run_subject import subject_of_run
from seatbelt_vae.subjects.subject import Subject, subject_of_model

__all__ = [
    "Subject",
    "as_subject",
    "model_before",
    "open_subject",
    "store_subject",
    "subject_of_model",
    "subject_of_run",
    "wrap",
]
