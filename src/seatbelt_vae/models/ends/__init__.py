"""The layers next to the image in one with their rectifier and, in training, normalisation.

What stands between such a convolution and its normalisation is the largest tensor of a step, and
the convolution of few colours the cheapest to compute: it is computed anew wherever it is needed,
and never stored. A step of the 64×64 networks takes a sixth less for it.
"""

from seatbelt_vae.models.ends.from_image import FromImage
from seatbelt_vae.models.ends.frozen import FrozenFromImage, FrozenToImage
from seatbelt_vae.models.ends.taps import is_from_image, is_to_image
from seatbelt_vae.models.ends.to_image import ToImage

__all__ = [
    "FromImage",
    "FrozenFromImage",
    "FrozenToImage",
    "ToImage",
    "is_from_image",
    "is_to_image",
]
