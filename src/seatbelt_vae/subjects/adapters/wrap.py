"""The adapter of a foreign module, chosen by the results of its methods on zero inputs.

``encode`` returns a deterministic code, a mean and a spread, or a Gaussian distribution: as a
tensor, a tuple, or a mapping or object with the usual names (``mu``, ``logvar``, ``latent_dist``).
``decode`` returns the reconstruction. A module without these methods, and a function, map inputs to
reconstructions; their codes cannot be attacked. Inputs have ``event_shape`` or are flattened:
`wrap` tries both.

A module with ``posterior`` and ``prior`` has several layers, see `LayeredAutoencoder`. A quantiser
is part of ``decode``, ``encode`` returns the codes before it, and a method ``tokens(x)`` returns
the integers that it chooses.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from seatbelt_vae.config.adapter import Code, Order, Output
from seatbelt_vae.errors import ConfigError, ModelError
from seatbelt_vae.protocol import Autoencoder, Limits
from seatbelt_vae.subjects.adapters.foreign import ForeignAutoencoder, Likelihood, dtype_of
from seatbelt_vae.subjects.adapters.layered import LayeredAutoencoder
from seatbelt_vae.subjects.adapters.reconstruct_only import Reconstruction
from seatbelt_vae.subjects.adapters.return_values import Heads, heads_of, shown
from seatbelt_vae.subjects.adapters.template import template
from seatbelt_vae.subjects.adapters.trial import (
    check_decoded,
    gaussian_of,
    on_zeros,
    trial_error,
    tried,
)

__all__ = ["wrap"]


def wrap(
    module: nn.Module | Callable[[Tensor], object],
    event_shape: tuple[int, ...],
    bounds: Limits = (0.0, 1.0),
    *,
    code: Code | None = None,
    likelihood: Likelihood | None = None,
    variance: float = 0.1,
    output: Output = "image",
    order: Order | None = None,
) -> Autoencoder:
    r"""An `Autoencoder` from a module, put in evaluation mode, or from a reconstruction function.

    The attribute ``assumptions`` of the adapter lists its choices.

    Args:
        module: the module, also inside ``DataParallel``; or a function of inputs.
        event_shape: shape of one input, such as :math:`(C, H, W)`.
        bounds: smallest and largest value of an input; None if there are none. Images normalised
            per channel have one value per channel, (0 − mean) / std and (1 − mean) / std.
        code: meaning of the spread, or ``none`` to ignore it (default: by name or log-variance).
        likelihood: ``gaussian`` or ``bernoulli``; None leaves out all measures of likelihoods.
        variance: variance of the Gaussian likelihood.
        output: the meaning of the tensor of ``decode``: an input, logits, or probabilities in
            [0, 1], whatever the bounds.
        order: the direction of several layers (default: top-down, or bottom-up if only that fits).

    Raises:
        ModelError: no adapter fits; a note of the error has the template of an adapter.
        ConfigError: bounds that do not fit the shape, or whose order is wrong.

    Example:
        >>> class Small(nn.Module):
        ...     def encode(self, x):
        ...         return x[:, :2], torch.zeros(len(x), 2)
        ...     def decode(self, z):
        ...         return torch.cat([z, z], dim=1)
        >>> wrap(Small(), (4,)).assumptions["code"]
        'log-variance, 2'
    """
    shape = tuple(event_shape)
    bounds = _per_feature(bounds, shape)
    try:
        found = _found(_bare(module), shape, bounds, code, order)
    except ModelError as error:
        error.add_note(template(shape, bounds))
        raise
    if isinstance(found, Reconstruction):
        return found
    return replace(found, likelihood=likelihood, variance=variance, output=output)


def _bare(module: nn.Module | Callable[[Tensor], object]) -> Any:
    """The module inside the wrappers of parallel training."""
    while isinstance(module, nn.DataParallel | nn.parallel.DistributedDataParallel):
        module = module.module
    return module


def _per_feature(bounds: Any, shape: tuple[int, ...]) -> Limits:
    """Bounds as two numbers, or as two tensors that broadcast to an input."""
    if bounds is None:
        return None
    try:
        low, high = (torch.as_tensor(bound, dtype=torch.float32) for bound in bounds)
        if low.ndim == high.ndim == 0:
            low, high = bounds
        else:
            per_channel = (-1, *[1] * (len(shape) - 1))
            low, high = (b.view(per_channel) if b.ndim == 1 else b for b in (low, high))
            _ = low.expand(shape), high.expand(shape)
        ascending = bool(torch.as_tensor(low < high).all())
    except (TypeError, ValueError, RuntimeError):
        ascending = False
    if not ascending:
        raise ConfigError(
            f"bounds are {bounds}, expected the smallest and the largest value of inputs {shape}, "
            f"as two numbers or as one value per channel or feature each"
        )
    return low, high


def _found(
    module: Any, shape: tuple[int, ...], bounds: Limits, code: Code | None, order: Order | None
) -> ForeignAutoencoder | Reconstruction:
    """The adapter that fits, of a module in evaluation mode."""
    if isinstance(module, nn.Module):
        with suppress(NotImplementedError):  # programs of torch.export have one mode only
            module.eval()
    if not isinstance(module, nn.Module) or not _has(module, "encode", "decode"):
        return _reconstruction(module, shape, bounds)
    if _has(module, "posterior", "prior"):
        return _in_either_order(module, shape, bounds, code, order)
    return _one_layer(module, shape, bounds, code)


def _has(module: object, *names: str) -> bool:
    return all(callable(getattr(module, name, None)) for name in names)


def _one_layer(
    module: Any, shape: tuple[int, ...], bounds: Limits, code: Code | None
) -> ForeignAutoencoder:
    """The adapter of ``encode`` and ``decode``."""
    name = type(module).__name__
    encoded, flat = on_zeros(f"encode of {name}", module, module.encode, shape)
    heads = heads_of(encoded)
    if heads is None:
        raise trial_error(
            f"encode of {name} returned {shown(encoded)}, expected a code, a mean and a "
            f"log-variance, or torch.distributions.Normal"
        )
    try:
        decoded = tried(f"decode of {name}", module.decode, heads.mean)
    except ModelError:
        _check_joined_heads(name, module, heads)
        raise
    check_decoded(f"decode of {name}", decoded, shape, f"codes {tuple(heads.mean.shape)}")
    code = "none" if heads.spread is None else code or heads.code or "log-variance"
    return ForeignAutoencoder(
        module, shape, bounds, (tuple(heads.mean.shape[1:]),), code, flat=flat
    )


def _check_joined_heads(name: str, module: Any, heads: Heads) -> None:
    """Raise if ``decode`` takes half of the values that ``encode`` returns in one tensor."""
    values = heads.mean.shape[1]
    if heads.spread is not None or values % 2:
        return
    try:
        tried(f"decode of {name}", module.decode, heads.mean[:, : values // 2])
    except ModelError:
        return
    raise trial_error(
        f"encode of {name} returns one tensor h of {values} values and decode takes "
        f"{values // 2}, so h has two heads: return h.chunk(2, 1), or, if they are interleaved, "
        f"h[:, 0::2], h[:, 1::2]"
    )


def _in_either_order(
    module: Any, shape: tuple[int, ...], bounds: Limits, code: Code | None, order: Order | None
) -> LayeredAutoencoder:
    try:
        return _several_layers(module, shape, bounds, code, order or "top-down")
    except ModelError:
        if order is not None:
            raise
        with suppress(ModelError):
            return _several_layers(module, shape, bounds, code, "bottom-up")
        raise


def _several_layers(
    module: Any, shape: tuple[int, ...], bounds: Limits, code: Code | None, order: Order
) -> LayeredAutoencoder:
    """The adapter of ``encode``, ``posterior``, ``prior`` and ``decode``."""
    name, depth = type(module).__name__, getattr(module, "depth", None)
    if not isinstance(depth, int) or depth < 1:
        raise trial_error(f"{name} has posterior and prior, but depth is {depth}, expected layers")
    features, flat = on_zeros(f"encode of {name}", module, module.encode, shape)
    codes: list[Tensor] = []
    for _ in range(depth):
        found = tried(f"posterior of {name}", module.posterior, features, tuple(codes))
        heads = gaussian_of(f"posterior of {name}", found)
        codes.append(heads.mean)
    top_first = tuple(codes if order == "top-down" else codes[::-1])
    for above in range(1, depth):
        found = tried(f"prior of {name}", module.prior, top_first[:above])
        mean = gaussian_of(f"prior of {name}", found).mean
        if mean.shape != top_first[above].shape:
            raise trial_error(
                f"prior of {name} has a mean {tuple(mean.shape)} below {above} layers, whose "
                f"posterior has {tuple(top_first[above].shape)}"
            )
    decoded = tried(f"decode of {name}", module.decode, top_first)
    shapes = tuple(tuple(z.shape[1:]) for z in reversed(top_first))
    check_decoded(f"decode of {name}", decoded, shape, f"codes {shapes}")
    code = code or heads.code or "log-variance"
    return LayeredAutoencoder(module, shape, bounds, shapes, code, flat=flat, order=order)


def _reconstruction(
    function: Callable[[Tensor], object], shape: tuple[int, ...], bounds: Limits
) -> Reconstruction:
    """The adapter of a map from inputs to reconstructions."""
    name = getattr(function, "__name__", type(function).__name__)
    returned, flat = on_zeros(name, function, function, shape)
    lacks = f"{name} has no encode(x) and decode(z), and"
    check_decoded(lacks, returned, shape, f"inputs {(2, *shape)}")
    dtype = dtype_of(function) if isinstance(function, nn.Module) else torch.float32
    return Reconstruction(function, shape, bounds, dtype, flat)
