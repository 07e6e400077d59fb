"""Checks of single settings; each raises `ConfigError` with the value and the expected range."""

import difflib
import math
from collections.abc import Iterable

from seatbelt_vae.errors import ConfigError

__all__ = ["at_least", "closest", "one_of", "perhaps", "positive"]


def perhaps(got: str, known: Iterable[str]) -> str:
    """The end of an error message: the closest known word, then all known words."""
    known = list(known)
    return f"{closest(got, known)}known: {', '.join(known)}"


def closest(got: str, known: Iterable[str]) -> str:
    """``perhaps you meant …; `` with the closest known word; empty if none is close."""
    close = difflib.get_close_matches(got, list(known), n=1, cutoff=0.5)
    return f"perhaps you meant {close[0]!r}; " if close else ""


def one_of(name: str, got: str, known: Iterable[str]) -> None:
    """Raise unless ``got`` is among ``known``."""
    known = list(known)
    if got not in known:
        raise ConfigError(f"unknown {name} {got!r}: {perhaps(got, known)}")


def at_least(name: str, got: float, least: float) -> None:
    """Raise unless ``got`` is a finite number not below ``least``."""
    if not (math.isfinite(got) and got >= least):
        raise ConfigError(f"{name} is {got:g}, expected a finite number of at least {least:g}")


def positive(name: str, got: float) -> None:
    """Raise unless ``got`` is a finite number above zero."""
    if not (math.isfinite(got) and got > 0):
        raise ConfigError(f"{name} is {got:g}, expected a finite number above 0")
