"""Defences at inference: each wraps an autoencoder in an autoencoder, and is attacked through."""

from seatbelt_vae.defences.registry import defended, with_noise
from seatbelt_vae.defences.straight_through import StraightThrough
from seatbelt_vae.defences.wrapper import Wrapper

__all__ = ["StraightThrough", "Wrapper", "defended", "with_noise"]
