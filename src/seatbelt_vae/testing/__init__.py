"""Does a model keep the promises of `seatbelt_vae.protocol`? One call passes, or says what broke.

Attacks and measures trust these promises without looking again: an encoder that draws hidden
noise, or a BatchNorm left in training mode, makes a model look robust that is not.
"""

from seatbelt_vae.testing.check import check_autoencoder

__all__ = ["check_autoencoder"]
