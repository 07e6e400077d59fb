"""What the random streams of a run are for: the second part of their keys."""

__all__ = ["DISCRIMINATOR", "NOISE", "ORDER", "SHUFFLE", "VALIDATION", "WEIGHTS"]

WEIGHTS, ORDER, NOISE, VALIDATION, DISCRIMINATOR, SHUFFLE = range(6)
