"""The adapter of a foreign module, chosen by the results of its methods on zero inputs."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from seatbelt_vae.config.adapter import Bound, Code, Output
from seatbelt_vae.errors import ModelError
from seatbelt_vae.protocol import Autoencoder
from seatbelt_vae.subjects.adapters.foreign import ForeignAutoencoder, Likelihood, dtype_of
from seatbelt_vae.subjects.adapters.reconstruct_only import Reconstruction
from seatbelt_vae.subjects.adapters.return_values import heads_of, image_of, shown

__all__ = ["wrap"]

_FAILURES = (RuntimeError, ValueError, TypeError, IndexError)
"""Errors of a module that gets inputs or codes of another shape than it expects."""

_TEMPLATE = """an adapter to complete and to return:

from seatbelt_vae.distributions import Normal, NormalImage
from seatbelt_vae.protocol import Posterior

class MyAutoencoder:
    bounds, event_shape, latent_sizes = {bounds}, {shape}, (UNITS,)
    def __init__(self, module):
        self.module = module
    def encode(self, x, noise=None):
        q = Normal(MEAN, LOG_VARIANCE)  # each of shape (B, UNITS), from self.module and x
        return Posterior((q,), (q.mean if noise is None else q.sample(noise[0]),))
    def prior(self, z):
        return (Normal(z[0], z[0]).standard_normal(),)
    def decode(self, z):
        return NormalImage(RECONSTRUCTION, 0.1)  # of shape (*K, B, *event_shape), from z[0]"""


def wrap(
    module: nn.Module | Callable[[Tensor], object],
    event_shape: tuple[int, ...],
    bounds: Bound = (0.0, 1.0),
    *,
    code: Code | None = None,
    likelihood: Likelihood | None = None,
    variance: float = 0.1,
    output: Output = "image",
) -> Autoencoder:
    r"""An `Autoencoder` from a module, put in evaluation mode, or from a reconstruction function.

    ``encode`` returns a deterministic code, a mean and a spread, or a Gaussian distribution: as a
    tensor, a tuple, or a mapping or object with the usual names (``mu``, ``logvar``,
    ``latent_dist``, …). ``decode`` returns the reconstruction. A module without these methods, and
    a function, map inputs to reconstructions; their codes cannot be attacked. Inputs have
    ``event_shape`` or are flattened; `wrap` tries both on zero inputs. The attribute
    ``assumptions`` of the adapter states the choice.

    Args:
        module: the module, also inside ``DataParallel``; or a function of inputs.
        event_shape: shape of one input, such as :math:`(C, H, W)`.
        bounds: smallest and largest value of an input; None if there are none.
        code: the meaning of the spread: :math:`\log\sigma^2`, :math:`\log\sigma`, :math:`\sigma` or
            :math:`\sigma^2`; ``none`` ignores it (default: by its name, else
            :math:`\log\sigma^2`).
        likelihood: ``gaussian`` or ``bernoulli``; None leaves out all measures of likelihoods.
        variance: variance of the Gaussian likelihood.
        output: the meaning of the tensor of ``decode``: an input, logits, or probabilities in
            [0, 1], whatever the bounds.

    Raises:
        ModelError: no adapter fits; a note of the error has the template of an adapter.

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
    while isinstance(module, nn.DataParallel | nn.parallel.DistributedDataParallel):
        module = module.module
    # exported programs are fixed: they have no eval()
    if isinstance(module, nn.Module) and any(part.training for part in module.modules()):
        module.eval()
    try:
        if not isinstance(module, nn.Module) or not _has_maps(module):
            return _reconstruction(module, shape, bounds)
        found = _two_maps(module, shape, bounds, code)
    except ModelError as error:
        error.add_note(_TEMPLATE.format(bounds=bounds, shape=shape))
        raise
    return replace(found, likelihood=likelihood, variance=variance, output=output)


def _has_maps(module: nn.Module) -> bool:
    return callable(getattr(module, "encode", None)) and callable(getattr(module, "decode", None))


def _two_maps(
    module: Any,
    shape: tuple[int, ...],
    bounds: Bound,
    code: Code | None,
) -> ForeignAutoencoder:
    """The adapter of ``encode`` and ``decode``."""
    name = type(module).__name__
    encoded, flat = _on_zeros(f"encode of {name}", module, module.encode, shape)
    heads = heads_of(encoded)
    if heads is None:
        raise _error(
            f"encode of {name} returned {shown(encoded)}, expected a code, a mean and a "
            f"log-variance, or torch.distributions.Normal"
        )
    try:
        with torch.no_grad():
            decoded = module.decode(heads.mean)
    except _FAILURES as error:
        codes = tuple(heads.mean.shape)
        raise _error(f"decode of {name} fails on codes {codes} ({_reason(error)})") from None
    image, count = image_of(decoded), torch.Size((2, *shape)).numel()
    if image is None or image.numel() != count:
        raise _error(
            f"decode of {name} returned {shown(decoded)} for codes {tuple(heads.mean.shape)}, "
            f"expected inputs {(2, *shape)}"
        )
    code = "none" if heads.spread is None else code or heads.code or "log-variance"
    return ForeignAutoencoder(module, shape, bounds, tuple(heads.mean.shape[1:]), code, flat=flat)


def _reconstruction(
    function: Callable[[Tensor], object],
    shape: tuple[int, ...],
    bounds: Bound,
) -> Reconstruction:
    """The adapter of a map from inputs to reconstructions."""
    name = getattr(function, "__name__", type(function).__name__)
    returned, flat = _on_zeros(name, function, function, shape)
    image, count = image_of(returned), torch.Size((2, *shape)).numel()
    if image is None or image.numel() != count:
        raise _error(
            f"{name} has no encode(x) and decode(z), and returned {shown(returned)} for inputs "
            f"{(2, *shape)}, expected reconstructions of that shape"
        )
    dtype = dtype_of(function) if isinstance(function, nn.Module) else torch.float32
    return Reconstruction(function, shape, bounds, dtype, flat)


def _on_zeros(
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
    raise _error(
        f"{name} fails on inputs of shape {shape} ({reasons[0]}) and flattened ({reasons[1]})"
    )


def _reason(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _error(problem: str) -> ModelError:
    return ModelError(f"{problem}: return an adapter instead of the module")
