"""Data sets by name; nothing is downloaded unless asked, and errors say how to get the files."""

from seatbelt_vae.data.dataset import Factor, ImageData, Split
from seatbelt_vae.data.inspection import Check, Listed, Prepared, check, list_sets, prepare
from seatbelt_vae.data.loading import load_data, load_for
from seatbelt_vae.data.registry import DATA_SETS
from seatbelt_vae.data.source import Source

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
    "load_data",
    "load_for",
    "prepare",
]
