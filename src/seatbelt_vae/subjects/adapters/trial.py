"""Trials of a foreign module on zero inputs; a failure is one line."""

from collections.abc import Callable
from math import prod

import torch
from torch import Tensor, nn

from seatbelt_vae.errors import ModelError
from seatbelt_vae.subjects.adapters.foreign import dtype_of
from seatbelt_vae.subjects.adapters.return_values import Heads, heads_of, image_of, shown

__all__ = ["check_decoded", "gaussian_of", "on_zeros", "trial_error", "tried"]

_FAILURES = (RuntimeError, ValueError, TypeError, LookupError, AttributeError)
"""Errors of a module that gets inputs or codes of another form than it expects."""


def on_zeros(
    name: str, module: object, function: Callable[[Tensor], object], shape: tuple[int, ...]
) -> tuple[object, bool]:
    """The result of a function on two zero inputs, and whether it takes them flattened."""
    zeros = torch.zeros(2, *shape)
    if isinstance(module, nn.Module):
        zeros = zeros.to(next(module.parameters(), zeros).device, dtype_of(module))
    reasons = []
    with torch.no_grad():
        for flat in (False, True):
            try:
                return function(zeros.flatten(1) if flat else zeros), flat
            except _FAILURES as error:
                reasons.append(_reason(error))
    raise trial_error(
        f"{name} fails on inputs of shape {shape} ({reasons[0]}) and flattened ({reasons[1]})"
    )


def tried(name: str, function: Callable[..., object], *arguments: object) -> object:
    """The result of a function, without gradient."""
    try:
        with torch.no_grad():
            return function(*arguments)
    except _FAILURES as error:
        given = arguments[-1]
        codes = tuple(given.shape) if isinstance(given, Tensor) else shown(given)
        raise trial_error(f"{name} fails on codes {codes} ({_reason(error)})") from None


def gaussian_of(name: str, returned: object) -> Heads:
    """Mean and spread in a return value."""
    heads = heads_of(returned)
    if heads is None or heads.spread is None:
        raise trial_error(f"{name} returned {shown(returned)}, expected a mean and a spread")
    return heads


def check_decoded(name: str, returned: object, shape: tuple[int, ...], given: str) -> None:
    """Raise unless a return value has reconstructions of two inputs."""
    image = image_of(returned)
    if image is None or image.numel() != 2 * prod(shape):
        raise trial_error(
            f"{name} returned {shown(returned)} for {given}, expected inputs {(2, *shape)}"
        )


def trial_error(problem: str) -> ModelError:
    """The error of a module that no adapter fits."""
    return ModelError(f"{problem}: return an adapter instead of the module, as below")


def _reason(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
