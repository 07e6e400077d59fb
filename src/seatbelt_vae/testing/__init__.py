"""Conformance checks of a model against `seatbelt_vae.protocol`.

Attacks and measures rely on the protocol without further checks. An encoder with hidden noise, or a
BatchNorm in training mode, makes a model appear robust.
"""

from seatbelt_vae.testing.check import check_autoencoder
from seatbelt_vae.testing.plausibility import Finding, check_on_images

__all__ = ["Finding", "check_autoencoder", "check_on_images"]
