"""The values that ``encode`` and ``decode`` of foreign modules return, read by type and name."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from torch import Tensor
from torch.distributions import Distribution, Independent
from torch.distributions import Normal as TorchNormal

from seatbelt_vae.config.adapter import Code

__all__ = ["Heads", "heads_of", "image_of", "shown"]

_MEANS = ("mean", "mu", "loc", "z_mean", "embedding")
_SPREADS: dict[str, Code] = {
    "logvar": "log-variance",
    "log_var": "log-variance",
    "log_variance": "log-variance",
    "log_covariance": "log-variance",
    "z_log_var": "log-variance",
    "log_std": "log-std",
    "logstd": "log-std",
    "log_sigma": "log-std",
    "scale": "std",
    "std": "std",
    "sigma": "std",
    "var": "variance",
    "variance": "variance",
}
_CODES = ("latents", "latent", "codes", "code", "z")
_IMAGES = ("sample", "reconstruction", "recon_x", "x_hat", "recon")


class Heads(NamedTuple):
    """A mean and a spread of the same shape; a deterministic code has no spread.

    Args:
        mean: the mean or the deterministic code.
        spread: the second tensor, or None.
        code: the meaning of the spread, if the type or a name tells it.
    """

    mean: Tensor
    spread: Tensor | None = None
    code: Code | None = None


def heads_of(encoded: object) -> Heads | None:
    """Mean and spread of the result of ``encode``; None if it has another form.

    Tensors, tuples, distributions, and mappings or objects with the usual names are read. Of three
    tensors of one shape, two equal ones are the mean and its sample in evaluation mode.

    Example:
        >>> import torch
        >>> heads_of({"mu": torch.zeros(2, 3), "logvar": torch.ones(2, 3)}).code
        'log-variance'
    """
    match encoded:
        case Tensor():
            return Heads(encoded)
        case Independent():
            return heads_of(encoded.base_dist)
        case TorchNormal():
            return Heads(encoded.loc, encoded.scale, "std")
        case Distribution():
            return None
        case tuple() | list():
            return _of_sequence([part for part in encoded if isinstance(part, Tensor)])
    if (inner := _named(encoded, "latent_dist")) is not None:
        return heads_of(inner)
    for name in _MEANS:
        if isinstance(mean := _named(encoded, name), Tensor):
            return _with_spread(mean, encoded)
    codes = (_named(encoded, name) for name in _CODES)
    return next((Heads(code) for code in codes if isinstance(code, Tensor)), None)


def image_of(decoded: object) -> Tensor | None:
    """The reconstruction in the result of ``decode``; None if it has another form."""
    match decoded:
        case Tensor():
            return decoded
        case Distribution():
            mean: Tensor = decoded.mean
            return mean
        case (Tensor() as first, *_):
            return first
    images = (_named(decoded, name) for name in _IMAGES)
    return next((image for image in images if isinstance(image, Tensor)), None)


def shown(value: object) -> str:
    """A short description of a return value, for errors."""
    match value:
        case Tensor():
            return f"a tensor {tuple(value.shape)}"
        case tuple() | list():
            return f"({', '.join(shown(part) for part in value)})"
        case Mapping():
            return f"a {type(value).__name__} of {', '.join(map(str, value))}"
    kind = type(value)
    return f"a {kind.__name__} of {kind.__module__}"


def _of_sequence(tensors: list[Tensor]) -> Heads | None:
    if not tensors:
        return None
    first, *others = tensors
    same = [other for other in others if other.shape == first.shape]
    match same:
        case []:
            return Heads(first) if len(tensors) == 1 else None
        case [spread]:
            return Heads(first, spread)
        case [second, third]:
            if first.equal(second):
                return Heads(first, third)
            return Heads(first, second) if first.equal(third) else None
    return None


def _with_spread(mean: Tensor, encoded: object) -> Heads:
    for name, code in _SPREADS.items():
        spread = _named(encoded, name)
        if isinstance(spread, Tensor) and spread.shape == mean.shape:
            return Heads(mean, spread, code)
    return Heads(mean)


def _named(value: object, name: str) -> Any:
    """A part of a mapping or an object by name."""
    return value.get(name) if isinstance(value, Mapping) else getattr(value, name, None)
