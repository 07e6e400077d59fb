"""Other readings of a foreign module, tried on images when the first reading is implausible."""

import math
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from seatbelt_vae.config.adapter import Code, Output
from seatbelt_vae.subjects.adapters.foreign import ForeignAutoencoder
from seatbelt_vae.subjects.adapters.return_values import heads_of
from seatbelt_vae.testing.plausibility import drawn, variation

__all__ = ["better_code", "better_heads", "better_reading"]

_BOUNDS = ((0.0, 1.0), (-1.0, 1.0), (0.0, 255.0))
_OUTPUTS: tuple[Output, ...] = ("image", "logits", "probability")
_CODES: tuple[Code, ...] = ("log-variance", "log-std", "std", "variance", "softplus")
_CLEARLY, _CLOSE = 0.7, 1.25


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


@torch.no_grad()
def better_heads(model: ForeignAutoencoder, images: Tensor) -> str | None:
    """The order of the heads under which images are reconstructed best, if clearly better.

    Mean and spread may be swapped, or interleaved in the tensor that they were split from.
    """
    heads = heads_of(model.module.encode(model.module_input(images)))  # type: ignore[operator]
    if heads is None or heads.spread is None or len(model.code_shapes) > 1:
        return None
    joined = torch.cat([heads.mean, heads.spread], dim=1)
    means = {"swapped": heads.spread, "interleaved: return h[:, 0::2], h[:, 1::2]": joined[:, ::2]}
    known = _distance(model, images, heads.mean)
    errors = {name: _distance(model, images, mean) for name, mean in means.items()}
    best = min(errors, key=errors.__getitem__)
    return best if errors[best] < _CLEARLY * min(known, 1.0) else None


@torch.no_grad()
def better_code(
    model: ForeignAutoencoder, images: Tensor, forward: Callable[[Tensor], Tensor]
) -> str | None:
    """The meaning of the spread whose draws vary reconstructions as ``forward`` does, if another.

    Args:
        model: the adapter, with a posterior.
        images: images in its bounds.
        forward: the owner's map, which samples.
    """
    aim = variation(forward, images)
    ratios = {code: variation(drawn(replace(model, code=code)), images) / aim for code in _CODES}
    off = {code: max(ratio, 1 / max(ratio, 1e-9)) for code, ratio in ratios.items()}
    best = min(off, key=lambda code: off[code] if math.isfinite(off[code]) else math.inf)
    return best if best != model.code and off[best] < _CLOSE else None


def _distance(model: ForeignAutoencoder, x: Tensor, mean: Tensor) -> float:
    error = x - model.decode((mean.flatten(1).to(x),)).mean
    return float((error.norm() / (x - x.mean(0)).norm()).nan_to_num(torch.inf))
