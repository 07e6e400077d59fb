"""Limits of the live page: sizes of uploads, time and number of attacks."""

from dataclasses import dataclass

from seatbelt_vae.config.checks import positive

__all__ = ["LIMITS", "Limits"]


@dataclass(frozen=True)
class Limits:
    """The limits of one page.

    Args:
        picture_bytes: largest upload, bytes.
        picture_pixels: most pixels of an upload.
        request_bytes: largest request; an upload takes 4/3 of its bytes in it.
        seconds: time of one attack.
        at_once: attacks that run at the same time.
        waiting: attacks that wait; further ones are refused.
        drawn_at_once: pictures that are read or reconstructed at the same time, besides attacks.
        cases: downloads that are kept; the oldest is dropped.
        stored_pairs: pairs of a stored suite that are shown.
        stored_levels: levels of a stored pair that are shown.
    """

    picture_bytes: int = 8 * 2**20
    picture_pixels: int = 2**24
    request_bytes: int = 12 * 2**20
    seconds: float = 120.0
    at_once: int = 2
    waiting: int = 8
    drawn_at_once: int = 4
    cases: int = 16
    stored_pairs: int = 50
    stored_levels: int = 64

    def __post_init__(self) -> None:
        for name in ("seconds", "at_once", "waiting", "drawn_at_once"):
            positive(name, getattr(self, name))


LIMITS = Limits()
"""The limits by default."""
