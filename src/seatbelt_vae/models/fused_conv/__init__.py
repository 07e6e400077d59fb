"""Fused layers next to the image: convolution, BatchNorm and (leaky) ReLU in one kernel.

The tensor between such a convolution and its normalisation is the largest of a training step, and
a convolution of few channels is cheap. The tensor is recomputed when needed and never stored.
"""

from seatbelt_vae.models.fused_conv.from_image import FromImage
from seatbelt_vae.models.fused_conv.memory_layout import is_from_image, is_to_image
from seatbelt_vae.models.fused_conv.to_image import ToImage

__all__ = ["FromImage", "ToImage", "is_from_image", "is_to_image"]
