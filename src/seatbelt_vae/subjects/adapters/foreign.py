"""An adapter for modules with ``encode`` and ``decode``, with or without a posterior."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Literal

import torch
from torch import Tensor, nn

from seatbelt_vae.distributions import (
    BernoulliImage,
    ImageDistribution,
    Normal,
    NormalImage,
    PointImage,
)
from seatbelt_vae.protocol import Capabilities, Noise, Posterior

__all__ = ["Code", "ForeignAutoencoder", "Likelihood", "heads_of"]

Code = Literal["log-variance", "log-std", "std", "variance"]
"""The meaning of the second tensor that ``encode`` returns."""

Likelihood = Literal["gaussian", "bernoulli"]

_LOG_VARIANCE: dict[Code, Callable[[Tensor], Tensor]] = {
    "log-variance": lambda s: s,
    "log-std": lambda s: 2 * s,
    "std": lambda s: 2 * s.log(),
    "variance": lambda s: s.log(),
}


def heads_of(encoded: object) -> tuple[Tensor, Tensor | None] | None:
    """Mean and spread of an encoder's result, no spread for one tensor; None for other types."""
    match encoded:
        case Tensor():
            return encoded, None
        case torch.distributions.Normal():
            return encoded.loc, encoded.scale
        case (Tensor() as mean, Tensor() as spread, *_) if mean.shape == spread.shape:
            return mean, spread
        case _:
            return None


@dataclass(frozen=True, eq=False)
class ForeignAutoencoder:
    r"""An `Autoencoder` of one layer from the ``encode`` and ``decode`` of a module.

    Inputs are cast to the dtype of the module, and results back. Codes of any shape are flattened
    to one layer of units.

    Args:
        module: the module, in evaluation mode.
        event_shape: shape of one input.
        bounds: smallest and largest value of an input, or None.
        code_shape: shape of one code in ``decode``.
        code: the meaning of the second tensor of ``encode``; None for codes without a posterior.
        likelihood: likelihood of the decoder; None for a reconstruction without a density.
        variance: variance of the Gaussian likelihood.
        logits: whether ``decode`` returns logits instead of an input.
        flat: whether the module takes and returns flattened inputs.
    """

    module: nn.Module
    event_shape: tuple[int, ...]
    bounds: tuple[float, float] | None
    code_shape: tuple[int, ...]
    code: Code | None
    likelihood: Likelihood | None = None
    variance: float = 0.1
    logits: bool = False
    flat: bool = False

    @property
    def latent_sizes(self) -> tuple[int, ...]:
        """One layer with all units of a code."""
        return (prod(self.code_shape),)

    @property
    def capabilities(self) -> Capabilities:
        """Posterior and prior if the code is Gaussian; a likelihood if it is given."""
        gaussian = self.code is not None
        return Capabilities(
            posterior=gaussian,
            reparameterised=gaussian,
            prior=gaussian,
            likelihood=self.likelihood is not None,
        )

    def encode(self, x: Tensor, noise: Noise | None = None) -> Posterior:
        """The posterior, or the code without a posterior."""
        heads = heads_of(self.module.encode(self._module_input(x)))  # type: ignore[operator]
        assert heads is not None  # checked by `wrap`
        mean = heads[0].flatten(1).to(x.dtype)
        if self.code is None or heads[1] is None:
            return Posterior((), (mean if noise is None else mean.expand_as(noise[0]),))
        spread = heads[1].flatten(1).to(x.dtype)
        layer = Normal(mean, _LOG_VARIANCE[self.code](spread))
        return Posterior((layer,), (mean if noise is None else layer.sample(noise[0]),))

    def prior(self, z: Sequence[Tensor]) -> tuple[Normal, ...]:
        r""":math:`\mathcal N(0, I)`."""
        return (Normal(z[0], z[0]).standard_normal(),)

    def decode(self, z: Sequence[Tensor]) -> ImageDistribution:
        """The likelihood, or the reconstruction without a density."""
        rows = z[0].reshape(-1, *self.code_shape).to(self._dtype)
        decoded = self.module.decode(rows)  # type: ignore[operator]
        decoded = decoded if isinstance(decoded, Tensor) else decoded[0]
        x = decoded.to(z[0].dtype).reshape(*z[0].shape[:-1], *self.event_shape)
        dims = len(self.event_shape)
        if self.likelihood == "bernoulli" and self.bounds is not None:
            return BernoulliImage(x if self.logits else self._logit(x), self.bounds, dims)
        if self.logits:
            low, high = self.bounds or (0.0, 1.0)
            x = low + (high - low) * x.sigmoid()
        return PointImage(x) if self.likelihood is None else NormalImage(x, self.variance, dims)

    @property
    def _dtype(self) -> torch.dtype:
        return next((p.dtype for p in self.module.parameters()), torch.float32)

    def _module_input(self, x: Tensor) -> Tensor:
        return (x.flatten(1) if self.flat else x).to(self._dtype)

    def _logit(self, x: Tensor) -> Tensor:
        low, high = self.bounds or (0.0, 1.0)
        return ((x - low) / (high - low)).logit(eps=1e-6)
