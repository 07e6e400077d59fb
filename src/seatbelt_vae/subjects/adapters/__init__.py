"""Adapters: modules of other people behind the protocol, chosen by the values they return."""

from seatbelt_vae.subjects.adapters.wrap import wrap

__all__ = ["wrap"]
