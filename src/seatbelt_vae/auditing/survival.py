"""Survival of attacked inputs: JPEG compression, resizing and noise between attacker and model."""

from dataclasses import dataclass
from io import BytesIO

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate

from seatbelt_vae.auditing.goals import outputs
from seatbelt_vae.errors import ConfigError
from seatbelt_vae.protocol import Autoencoder, Bounds, bounds_of
from seatbelt_vae.randomness import Stream, generator_for

__all__ = ["Survival", "add_noise", "compress", "gap", "resize", "survival"]

_QUALITY, _NOISE = 75, 0.05


@dataclass(frozen=True)
class Survival:
    r"""Gaps of attacked inputs before and after a transformation, :math:`(P)`, float64.

    Args:
        before: gap of x*.
        after: gap of the transformed x*.
    """

    before: Tensor
    after: Tensor


def survival(
    model: Autoencoder,
    x: Tensor,
    target: Tensor,
    attacked: Tensor,
    *,
    unit: Tensor | None = None,
    seed: int = 0,
) -> dict[str, Survival]:
    r"""How much of an attack survives ``jpeg``, ``resize`` and ``noise`` of its inputs.

    Inputs that are no images, or have no bounds, only get noise.

    Args:
        model: the autoencoder.
        x, target, attacked: inputs of P pairs, :math:`(P, *\text{event})`.
        unit: unit of the noise, broadcast to an input, such as the standard deviation of each
            feature (default: the range hi − lo).
        seed: seed of the noise.

    Raises:
        ConfigError: no ``unit`` for inputs without bounds.
    """
    bounds = bounds_of(model)
    changed = {"noise": add_noise(attacked, bounds, unit=unit, seed=seed)}
    if attacked.ndim == 4 and bounds.finite:
        changed = {
            "jpeg": compress(attacked, bounds),
            "resize": bounds.clamp(resize(attacked)),
            **changed,
        }
    before = gap(model, x, target, attacked)
    return {
        name: Survival(before, gap(model, x, target, inputs)) for name, inputs in changed.items()
    }


def gap(model: Autoencoder, x: Tensor, target: Tensor, attacked: Tensor) -> Tensor:
    r""":math:`\|R^* - R_t\| / \|R - R_t\|` of each pair, :math:`(P)`, float64."""
    sides = (x, target, attacked)
    clean, aim, found = (outputs(model, inputs)[1].double().flatten(1) for inputs in sides)
    left, whole = ((side - aim).square().sum(1).sqrt() for side in (found, clean))
    return left / whole


def compress(images: Tensor, bounds: Bounds, quality: int = _QUALITY) -> Tensor:
    """Images after JPEG compression of their bytes; RGB together, other channels one by one."""
    low, high = (torch.as_tensor(bound).to(images).cpu() for bound in bounds)
    shares = (images.detach().cpu() - low) / (high - low)
    pixels = (255 * shares).round().clamp(0, 255).byte()
    planes = pixels.movedim(1, -1) if pixels.shape[1] == 3 else pixels.flatten(0, 1)
    decoded = torch.stack([_through_jpeg(plane, quality) for plane in planes])
    decoded = decoded.movedim(-1, 1) if pixels.shape[1] == 3 else decoded.view_as(pixels)
    return (low + decoded.to(low) / 255 * (high - low)).to(images)


def _through_jpeg(pixels: Tensor, quality: int) -> Tensor:
    """Bytes (H, W) or (H, W, 3) after compression in memory."""
    with BytesIO() as file:
        Image.fromarray(pixels.numpy()).save(file, "jpeg", quality=quality)
        with Image.open(file) as image:
            return torch.from_numpy(np.array(image))


def resize(images: Tensor) -> Tensor:
    """Images at half their size and back, by bilinear interpolation with antialiasing."""
    half = [-(-side // 2) for side in images.shape[-2:]]
    small = interpolate(images, size=half, mode="bilinear", antialias=True)
    return interpolate(small, size=images.shape[-2:], mode="bilinear", antialias=True)


def add_noise(
    x: Tensor,
    bounds: Bounds,
    share: float = _NOISE,
    *,
    unit: Tensor | None = None,
    seed: int = 0,
) -> Tensor:
    """Inputs with Gaussian noise of a share of the range or of ``unit``, inside the bounds.

    Raises:
        ConfigError: no ``unit`` for inputs without bounds.
    """
    if unit is None and not bounds.finite:
        raise ConfigError("noise for inputs without bounds: give its unit, a standard deviation")
    low, high = (torch.as_tensor(bound).to(x) for bound in bounds)
    scale = high - low if unit is None else unit.to(x)
    draws = [
        torch.randn(
            x.shape[1:],
            generator=generator_for(Stream.SURVIVAL_NOISE, seed, pair),
            dtype=torch.float64,
        )
        for pair in range(len(x))
    ]
    return bounds.clamp(x + share * scale * torch.stack(draws).to(x))
