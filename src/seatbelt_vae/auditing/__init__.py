"""Audits: a subject and images in, a verdict out."""

from typing import TYPE_CHECKING

from seatbelt_vae.references import lazy_lookup

if TYPE_CHECKING:
    from seatbelt_vae.auditing.audit_model import audit

__all__ = ["audit"]

__getattr__ = lazy_lookup(__name__, globals(), {"audit_model": "audit"})
