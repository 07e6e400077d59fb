"""Requirements of the checks; each raises a `ModelError` with expected and found values."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor

from seatbelt_vae.distributions import Normal
from seatbelt_vae.errors import ModelError

__all__ = [
    "EVALUATION_MODE",
    "require_equal",
    "require_normals",
    "require_tensor",
    "result_of",
    "tolerance",
]

EVALUATION_MODE = "put the model into evaluation mode (model.eval())"

Result = TypeVar("Result")


def require_normals(call: str, layers: Sequence[Normal], shapes: list[tuple[int, ...]]) -> None:
    """Raise unless there is a finite `Normal` per layer; draws may share one by broadcasting."""
    if len(layers) != len(shapes):
        raise ModelError(
            f"{call} gave {len(layers)} layers, expected {len(shapes)}: one per latent size"
        )
    for i, (layer, shape) in enumerate(zip(layers, shapes, strict=True), start=1):
        if not isinstance(layer, Normal):
            kind = type(layer)
            raise ModelError(
                f"layer {i} of {call} is {kind.__module__}.{kind.__qualname__}, expected "
                f"seatbelt_vae.distributions.Normal: wrap mean and log-variance in it"
            )
        for name in ("mean", "log_variance"):
            where = f"the {name} of layer {i} of {call}"
            require_tensor(where, getattr(layer, name), shape, shape[-2:])


def require_tensor(name: str, tensor: Tensor, *shapes: tuple[int, ...]) -> None:
    if tuple(tensor.shape) not in shapes:
        raise ModelError(
            f"{name} has shape {tuple(tensor.shape)}, expected {shapes[0]}: keep the leading "
            f"shape of the noise, one row per input, and flatten spatial codes to one dimension"
        )
    if not tensor.isfinite().all():
        raise ModelError(
            f"{name} is not finite on images in the bounds, expected finite numbers: train with a "
            f"smaller learning rate, clamp log-variances"
        )


def require_equal(
    found: Sequence[Tensor], expected: Sequence[Tensor], promise: str, remedy: str
) -> None:
    for actual, reference in zip(found, expected, strict=True):
        difference = (actual - reference).abs().max().item()
        if difference > tolerance(reference):
            raise ModelError(f"{promise}, found a difference of {difference:.2g}: {remedy}")


def tolerance(tensor: Tensor) -> float:
    """Half the digits of the tensor's dtype, relative to its largest value."""
    digits: float = torch.finfo(tensor.dtype).eps ** 0.5
    return digits * (1 + tensor.abs().max().item())


def result_of(name: str, function: Callable[..., Result], *arguments: Any) -> Result:
    try:
        return function(*arguments)
    except (TypeError, ValueError, RuntimeError, LookupError, AttributeError) as error:
        reason = (str(error).splitlines() or ["no reason given"])[0]
        raise ModelError(
            f"{name} raised {type(error).__name__} ({reason}), expected a result: take images "
            f"(B, C, H, W), and noise or z of shapes (B, d) and (K, B, d), one per layer"
        ) from error
