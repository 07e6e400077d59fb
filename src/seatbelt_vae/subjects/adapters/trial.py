"""Trials of a foreign module on zero inputs; a failure is one line."""

import re
from collections.abc import Callable
from contextlib import suppress
from math import prod

import torch
from torch import Tensor, nn

from seatbelt_vae.errors import ModelError
from seatbelt_vae.subjects.adapters.foreign import dtype_of
from seatbelt_vae.subjects.adapters.return_values import Heads, heads_of, image_of, shown

__all__ = ["check_decoded", "gaussian_of", "on_zeros", "trial_error", "tried"]

_SIDES = (2, 4, 8, 16, 32, 64)
"""Multiples that are tried for the sides of an image."""

_USUAL = (28, 32, 64, 96, 128, 178, 218, 224, 256, 299, 384, 512)
"""Sides of images that are tried last, for networks that take one size only."""

_LACKS = r"missing \d+ required positional arguments?: (.*)"

_FAILURES = (AssertionError, RuntimeError, ValueError, TypeError, LookupError, AttributeError)
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
                _check_arguments(name, error)
                reasons.append(_reason(error))
        with suppress(*_FAILURES):
            function(zeros.movedim(1, -1).contiguous())
            last = (*shape[1:], shape[0])
            raise trial_error(
                f"{name} fails on inputs {shape} ({reasons[0]}) but takes {last}, channels last: "
                f"call it with x.movedim(1, -1), and move the channels of the output back"
            )
        for side in _SIDES if len(shape) == 3 else ():
            larger = (shape[0], *(-(-length // side) * side for length in shape[1:]))
            with suppress(*_FAILURES):
                function(zeros.new_zeros(2, *larger))
                raise trial_error(
                    f"{name} fails on inputs {shape} ({reasons[0]}) but takes {larger}: sides must "
                    f"be multiples of {side}; give another --image-size, or"
                )
        for side in _USUAL if len(shape) == 3 else ():
            with suppress(*_FAILURES):
                function(zeros.new_zeros(2, shape[0], side, side))
                raise trial_error(
                    f"{name} fails on inputs {shape} ({reasons[0]}) but takes sides of {side}: "
                    f"give --image-size {side}, or"
                )
    raise trial_error(
        f"{name} fails on inputs of shape {shape} ({reasons[0]}) and flattened ({reasons[1]})"
    )


def tried(name: str, function: Callable[..., object], *arguments: object) -> object:
    """The result of a function, without gradient."""
    try:
        with torch.no_grad():
            return function(*arguments)
    except _FAILURES as error:
        _check_arguments(name, error)
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
    found = () if image is None else tuple(image.shape)
    if image is not None and (found[1:] == (prod(shape),) or _long(found[1:]) == _long(shape)):
        return
    expected = f"expected inputs {(2, *shape)}"
    if len(shape) == 3 and found[1:] == (*shape[1:], shape[0]):
        expected += "; its channels are last: return x.movedim(-1, 1)"
    elif len(shape) == len(found) - 1 == 3 and found[1] == shape[0]:
        expected += "; sides must be multiples of the network's stride: "
        expected += f"give --image-size {min(found[2:])}, or a multiple"
    raise trial_error(f"{name} returned {shown(returned)} for {given}, {expected}")


def _long(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The sizes other than 1, whose places make no difference."""
    return tuple(size for size in shape if size != 1)


def trial_error(problem: str) -> ModelError:
    """The error of a module that no adapter fits."""
    joined = problem if problem.endswith(", or") else f"{problem}:"
    return ModelError(f"{joined} return an adapter instead of the module, as below")


def _check_arguments(name: str, error: Exception) -> None:
    """Raise if a call failed for further arguments, such as the labels of a conditional model."""
    if isinstance(error, TypeError) and (lacks := re.search(_LACKS, str(error))):
        raise trial_error(
            f"{name} takes further arguments ({lacks[1]}), such as the labels of a conditional "
            f"model: return a module whose encode(x) and decode(z) pass fixed ones, or"
        ) from None


def _reason(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
