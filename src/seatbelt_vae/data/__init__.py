"""Data sets by name, each one file; nothing is downloaded, and a missing set says what to do."""

from seatbelt_vae.data.dataset import Factor, ImageData, Split
from seatbelt_vae.data.registry import DATA_SETS, Check, Prepared, Source, check, load, prepare

__all__ = [
    "DATA_SETS",
    "Check",
    "Factor",
    "ImageData",
    "Prepared",
    "Source",
    "Split",
    "check",
    "load",
    "prepare",
]
