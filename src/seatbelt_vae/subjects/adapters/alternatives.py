"""Other readings of a foreign module, tried on images when the first reading is implausible."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from seatbelt_vae.config.adapter import Code, Output
from seatbelt_vae.subjects.adapters.foreign import ForeignAutoencoder
from seatbelt_vae.subjects.adapters.return_values import heads_of
from seatbelt_vae.testing.plausibility import drawn, variation

__all__ = ["Better", "better_code", "better_heads", "better_reading"]

_NORMALISED = (-2.1, 2.6)  # about those of images normalised as for ImageNet
_BOUNDS = ((0.0, 1.0), (-1.0, 1.0), (0.0, 255.0), _NORMALISED)
_OUTPUTS: tuple[Output, ...] = ("image", "logits", "probability")
_CODES: tuple[Code, ...] = ("log-variance", "log-std", "std", "variance", "softplus")
_CLEARLY, _CLOSE = 0.85, 1.25
_WELL = 0.25  # a good reading: rounding is finer in a wider range, which is no doubt
_TRIED = 16  # images per reading
_NORMALISE = (
    "return wrap(module, shape, ((0 - mean) / std, (1 - mean) / std)) with mean and standard "
    "deviation of each channel: inputs seem to be normalised, as for ImageNet"
)
_ORDERS = {
    "swapped": "return the two tensors of encode in the other order, the mean first",
    "interleaved": "return h[:, 0::2], h[:, 1::2] from encode",
}


@dataclass(frozen=True)
class Better:
    """Another reading of a module that reconstructs clearly better.

    Args:
        ratio: reconstruction error of the present reading over that of the other one.
        remedy: what to do.
        limit: the largest ratio of a present reading that raises no doubt.
    """

    ratio: float
    remedy: str
    limit: float = 1 / _CLEARLY


@torch.no_grad()
def better_reading(model: ForeignAutoencoder, images: Tensor) -> Better | None:
    """The settings under which the module reconstructs images best, if clearly better.

    The bounds [0, 1], [−1, 1], [0, 255] and those of normalised images, and all readings of
    ``decode`` are tried.

    Args:
        model: the adapter.
        images: images in its bounds.
    """
    if model.bounds is None:
        return None
    low, high = model.bounds
    unit = (images[:_TRIED] - low) / (high - low)
    present = _error(model, unit, model.bounds)
    if present < _WELL:
        return None
    errors = {
        (bounds, output): _error(replace(model, bounds=bounds, output=output), unit, bounds)
        for bounds in _BOUNDS
        for output in _OUTPUTS
    }
    # approximate bounds must be better by a margin
    best = min(errors, key=lambda key: errors[key] * (1.1 if key[0] == _NORMALISED else 1.0))
    if not errors[best] < _CLEARLY * min(present, 1.0):
        return None
    if best[0] == _NORMALISED:
        return Better(present / errors[best], _NORMALISE)
    flags = []
    if isinstance(low, Tensor) or best[0] != (low, high):
        flags.append("--bounds {:g},{:g}".format(*best[0]))
    if best[1] != model.output:
        flags.append(f"--output {best[1]}")
    return Better(present / errors[best], f"give {' '.join(flags)}")


def _error(
    model: ForeignAutoencoder, unit: Tensor, bounds: tuple[float | Tensor, float | Tensor]
) -> float:
    """‖x − rec(x)‖ / ‖x − x̄‖ of images in [0, 1], mapped to the bounds."""
    low, high = bounds
    x = low + (high - low) * unit
    error = x - model.decode(model.encode(x).z).mean
    return float((error.norm() / (x - x.mean(0)).norm()).nan_to_num(torch.inf))


@torch.no_grad()
def better_heads(model: ForeignAutoencoder, images: Tensor) -> Better | None:
    """The order of the heads under which images are reconstructed best, if clearly better.

    Mean and spread may be swapped, or interleaved in the tensor that they were split from.
    """
    heads = heads_of(model.module.encode(model.module_input(images)))  # type: ignore[operator]
    if heads is None or heads.spread is None or len(model.code_shapes) > 1:
        return None
    joined = torch.cat([heads.mean, heads.spread], dim=1)
    means = {"swapped": heads.spread, "interleaved": joined[:, ::2]}
    present = _distance(model, images, heads.mean)
    errors = {name: _distance(model, images, mean) for name, mean in means.items()}
    best = min(errors, key=errors.__getitem__)
    if not errors[best] < _CLEARLY * min(present, 1.0):
        return None
    return Better(present / errors[best], _ORDERS[best])


@torch.no_grad()
def better_code(
    model: ForeignAutoencoder, images: Tensor, forward: Callable[[Tensor], Tensor]
) -> str | None:
    """The meaning of the spread whose draws vary reconstructions as ``forward`` does, if another.

    Args:
        model: the adapter, with a posterior.
        images: images in its bounds.
        forward: the owner's map; without noise it tells nothing.
    """
    aim = variation(forward, images)
    if aim < 1e-6 * float(images.norm()):
        return None  # it does not sample
    ratios = {code: variation(drawn(replace(model, code=code)), images) / aim for code in _CODES}
    off = {code: max(ratio, 1 / max(ratio, 1e-9)) for code, ratio in ratios.items()}
    best = min(off, key=lambda code: off[code] if math.isfinite(off[code]) else math.inf)
    return best if best != model.code and off[best] < _CLOSE else None


def _distance(model: ForeignAutoencoder, x: Tensor, mean: Tensor) -> float:
    error = x - model.decode((mean.flatten(1).to(x),)).mean
    return float((error.norm() / (x - x.mean(0)).norm()).nan_to_num(torch.inf))
