"""Data sets by name, each one file; nothing is downloaded, and a missing set says what to do."""

from seatbelt_vae.data.dataset import Factor, ImageData, Split
from seatbelt_vae.data.fitting import load_for
from seatbelt_vae.data.registry import DATA_SETS, Source, load
from seatbelt_vae.data.verbs import Check, Listed, Prepared, check, list_sets, prepare

__all__ = [
    "DATA_SETS",
    "Check",
    "Factor",
    "ImageData",
    "Listed",
    "Prepared",
    "Source",
    "Split",
    "check",
    "list_sets",
    "load",
    "load_for",
    "prepare",
]
