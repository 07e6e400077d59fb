"""Shared models: a folder with the model of a run and a model card, and its upload to the Hub."""

from seatbelt_vae.sharing.card_file import is_edited
from seatbelt_vae.sharing.findings import findings
from seatbelt_vae.sharing.folder import push, share

__all__ = ["findings", "is_edited", "push", "share"]
