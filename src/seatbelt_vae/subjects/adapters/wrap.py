"""The adapter of a foreign module, chosen by the results of its methods on zero inputs."""

from typing import Any

import torch
from torch import Tensor, nn

from seatbelt_vae.errors import ModelError
from seatbelt_vae.protocol import Autoencoder
from seatbelt_vae.subjects.adapters.foreign import Code, ForeignAutoencoder, Likelihood, heads_of

__all__ = ["wrap"]

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
    module: nn.Module,
    event_shape: tuple[int, ...],
    bounds: tuple[float, float] | None = (0.0, 1.0),
    *,
    code: Code = "log-variance",
    likelihood: Likelihood | None = None,
    variance: float = 0.1,
    logits: bool = False,
) -> Autoencoder:
    r"""An `Autoencoder` from a module with ``encode`` and ``decode``, put in evaluation mode.

    ``encode`` returns one tensor (a deterministic code), a pair of mean and spread, or a
    ``torch.distributions.Normal``; ``decode`` returns the reconstruction. The module may take
    inputs of ``event_shape`` or flattened ones; `wrap` tries both on zero inputs.

    Args:
        module: the module.
        event_shape: shape of one input, such as :math:`(C, H, W)`.
        bounds: smallest and largest value of an input; None if there are none.
        code: the meaning of the spread: :math:`\log\sigma^2`, :math:`\log\sigma`, :math:`\sigma` or
            :math:`\sigma^2`.
        likelihood: ``gaussian`` or ``bernoulli``; None leaves out all measures of likelihoods.
        variance: variance of the Gaussian likelihood.
        logits: whether ``decode`` returns logits.

    Raises:
        ModelError: no adapter fits; a note of the error has the template of an adapter.

    Example:
        >>> class Small(nn.Module):
        ...     def encode(self, x):
        ...         return x[:, :2], torch.zeros(len(x), 2)
        ...     def decode(self, z):
        ...         return torch.cat([z, z], dim=1)
        >>> wrap(Small(), (4,)).latent_sizes
        (2,)
    """
    module.eval()
    encode: Any = getattr(module, "encode", None)
    decode: Any = getattr(module, "decode", None)
    template = _TEMPLATE.format(bounds=bounds, shape=event_shape)
    if encode is None or decode is None:
        raise _error(
            f"{type(module).__name__} has no {'encode' if encode is None else 'decode'}, expected "
            f"encode(x) and decode(z)",
            template,
        )
    encoded, flat = _encode_zeros(module, encode, event_shape, template)
    heads = heads_of(encoded)
    if heads is None:
        raise _error(
            f"encode of {type(module).__name__} returned {_shown(encoded)}, expected a tensor, a "
            f"pair of mean and log-variance, or torch.distributions.Normal",
            template,
        )
    if isinstance(encoded, torch.distributions.Normal):
        code = "std"
    return ForeignAutoencoder(
        module,
        tuple(event_shape),
        bounds,
        code_shape=tuple(heads[0].shape[1:]),
        code=None if heads[1] is None else code,
        likelihood=likelihood,
        variance=variance,
        logits=logits,
        flat=flat,
    )


def _encode_zeros(
    module: nn.Module, encode: Any, event_shape: tuple[int, ...], template: str
) -> tuple[object, bool]:
    """The result of ``encode`` on two zero inputs, and whether it takes them flattened."""
    parameter = next(module.parameters(), torch.empty(0))
    zeros = torch.zeros(2, *event_shape, dtype=parameter.dtype, device=parameter.device)
    reasons = []
    with torch.no_grad():
        for flat in (False, True):
            try:
                return encode(zeros.flatten(1) if flat else zeros), flat
            except (RuntimeError, ValueError, TypeError, IndexError) as error:
                reasons.append((str(error).splitlines() or [type(error).__name__])[0])
    raise _error(
        f"encode of {type(module).__name__} fails on inputs of shape {tuple(event_shape)} "
        f"({reasons[0]}) and flattened ({reasons[1]})",
        template,
    )


def _error(problem: str, template: str) -> ModelError:
    error = ModelError(f"{problem}: return an adapter instead of the module")
    error.add_note(template)
    return error


def _shown(value: object) -> str:
    if isinstance(value, tuple | list):
        return f"({', '.join(_shown(part) for part in value)})"
    return f"a tensor {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
