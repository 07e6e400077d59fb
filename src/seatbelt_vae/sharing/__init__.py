"""Models for others: a folder made of a run, with a card of what was measured, and its upload."""

from seatbelt_vae.sharing.card_file import is_edited
from seatbelt_vae.sharing.findings import findings
from seatbelt_vae.sharing.folder import push, share

__all__ = ["findings", "is_edited", "push", "share"]
