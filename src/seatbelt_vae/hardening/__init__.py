"""Hardening: adversarial fine-tuning of the encoder of any subject, with its decoder frozen."""

from typing import TYPE_CHECKING

from seatbelt_vae.references import lazy_lookup

if TYPE_CHECKING:
    from seatbelt_vae.hardening.hardened_subject import defend
    from seatbelt_vae.hardening.hardening_work import Hardened

__all__ = ["Hardened", "defend"]

_NAMES_BY_MODULE = {"hardened_subject": "defend", "hardening_work": "Hardened"}

__getattr__ = lazy_lookup(__name__, globals(), _NAMES_BY_MODULE)
