"""Pictures of the page as data URIs, of at most 160 pixels a side."""

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from seatbelt_vae.report.drawing.images import pixels, png_uri, signed

__all__ = ["distortion_uri", "picture_uri"]

_SIDE = 160


def picture_uri(share: Tensor) -> str:
    """A PNG of an image (C, H, W), C = 1 or 3, of shares of black to white."""
    return png_uri(pixels(_shrunk(share), (0.0, 1.0)))


def distortion_uri(distortion: Tensor, scale: float) -> str:
    """A PNG of a distortion (C, H, W): blue is darker, orange is brighter, full colour at scale."""
    return png_uri(signed(_shrunk(distortion), scale))


def _shrunk(image: Tensor) -> Tensor:
    largest = max(image.shape[1:])
    if largest <= _SIDE:
        return image
    size = [max(1, side * _SIDE // largest) for side in image.shape[1:]]
    return interpolate(image[None].to(torch.float64), size, mode="area")[0]
