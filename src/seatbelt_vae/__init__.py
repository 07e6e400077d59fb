"""Train, attack and measure variational autoencoders that are hard to fool."""

__version__ = "0.1.0"
