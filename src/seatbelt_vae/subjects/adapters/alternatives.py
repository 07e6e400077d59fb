"""Other readings of a foreign module, tried on images when the first reading is implausible."""

from dataclasses import replace

import torch
from torch import Tensor

from seatbelt_vae.config.adapter import Output
from seatbelt_vae.subjects.adapters.foreign import ForeignAutoencoder

__all__ = ["better_reading"]

_BOUNDS = ((0.0, 1.0), (-1.0, 1.0), (0.0, 255.0))
_OUTPUTS: tuple[Output, ...] = ("image", "logits", "probability")
_CLEARLY = 0.7


@torch.no_grad()
def better_reading(model: ForeignAutoencoder, images: Tensor) -> str | None:
    """The settings under which the module reconstructs images best, if clearly better.

    The bounds [0, 1], [−1, 1] and [0, 255] and all readings of ``decode`` are tried.

    Args:
        model: the adapter.
        images: images in its bounds.
    """
    if model.bounds is None:
        return None
    low, high = model.bounds
    unit = (images - low) / (high - low)
    errors = {
        (bounds, output): _error(replace(model, bounds=bounds, output=output), unit, bounds)
        for bounds in _BOUNDS
        for output in _OUTPUTS
    }
    best = min(errors, key=errors.__getitem__)
    if not errors[best] < _CLEARLY * min(_error(model, unit, model.bounds), 1.0):
        return None
    (low, high), output = best
    return f"--bounds={low:g},{high:g} --output {output}"


def _error(model: ForeignAutoencoder, unit: Tensor, bounds: tuple[float, float]) -> float:
    """‖x − rec(x)‖ / ‖x − x̄‖ of images in [0, 1], mapped to the bounds."""
    low, high = bounds
    x = low + (high - low) * unit
    error = x - model.decode(model.encode(x).z).mean
    return float((error.norm() / (x - x.mean(0)).norm()).nan_to_num(torch.inf))
