"""The weights that only the encoder uses, found by differentiating the two maps of a model."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn import Parameter

from seatbelt_vae.errors import ConfigError
from seatbelt_vae.protocol import Autoencoder, Posterior, capabilities_of
from seatbelt_vae.subjects.named_weights import named_parameters

__all__ = ["EncoderWeights", "statistics"]


def statistics(posterior: Posterior) -> Tensor:
    r"""The statistics e of all layers, :math:`(\mu, \log\sigma^2)`, or codes, :math:`(B, d)`."""
    parts = [part for q in posterior.layers for part in (q.mean, q.log_variance)]
    return torch.cat([part.flatten(1) for part in parts or posterior.z], dim=1)


@dataclass(frozen=True)
class EncoderWeights:
    """The weights of the encoder, and their values before the hardening.

    Args:
        parameters: the parameters by name.
        before: their values before.
    """

    parameters: dict[str, Parameter]
    before: dict[str, Tensor] = field(init=False)

    def __post_init__(self) -> None:
        before = {name: weight.detach().clone() for name, weight in self.parameters.items()}
        object.__setattr__(self, "before", before)

    @classmethod
    def of(cls, model: Autoencoder, x: Tensor) -> "EncoderWeights":
        """The parameters with a gradient from ``encode`` and none from ``decode`` and ``prior``.

        Every parameter is left without ``requires_grad`` except those found.

        Args:
            model: the model.
            x: inputs, of which one gradient is computed.

        Raises:
            ConfigError: no such parameter, as in a model without codes.
        """
        named = named_parameters(model)
        floats = {name: weight for name, weight in named.items() if weight.is_floating_point()}
        for weight in floats.values():
            weight.requires_grad_(True)
        posterior = model.encode(x)
        encoded = _used(statistics(posterior), floats)
        codes = [z.detach() for z in posterior.z]
        decoded = _used(model.decode(codes).mean, floats)
        if capabilities_of(model).prior:
            priors = [part for p in model.prior(codes) for part in (p.mean, p.log_variance)]
            decoded |= _used(torch.cat([part.flatten(1) for part in priors], dim=1), floats)
        for name, weight in floats.items():
            weight.requires_grad_(name in encoded - decoded)
        if not encoded - decoded or not capabilities_of(model).codes:
            raise ConfigError(
                "no weight belongs to the encoder alone, so that none can be hardened: expected a "
                "model whose encode(x) is differentiable and has weights that decode(z) does not "
                "use"
            )
        return cls({name: floats[name] for name in named if name in encoded - decoded})

    def reached_from(self, result: Tensor) -> bool:
        """Whether a result of the model has a gradient that is not 0 in the encoder."""
        if not result.requires_grad:
            return False
        weights = list(self.parameters.values())
        gradients = torch.autograd.grad(result.sum(), weights, allow_unused=True)
        return any(found is not None and bool(found.any()) for found in gradients)

    @contextmanager
    def as_before(self) -> Iterator[None]:
        """The model with the weights before, without gradients, during the block."""
        now = {name: weight.data for name, weight in self.parameters.items()}
        try:
            for name, weight in self.parameters.items():
                weight.data = self.before[name]
            with torch.no_grad():
                yield
        finally:
            for name, weight in self.parameters.items():
                weight.data = now[name]


def _used(result: Tensor, weights: dict[str, Parameter]) -> set[str]:
    """The names of the weights that a result depends on."""
    if not result.requires_grad:
        return set()
    gradients = torch.autograd.grad(result.sum(), list(weights.values()), allow_unused=True)
    return {name for name, found in zip(weights, gradients, strict=True) if found is not None}
