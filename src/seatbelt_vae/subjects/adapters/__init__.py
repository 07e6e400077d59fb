"""Adapters of foreign modules to the protocol, chosen by the results of their methods."""

from seatbelt_vae.subjects.adapters.wrap import wrap

__all__ = ["wrap"]
