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
from seatbelt_vae.subjects.adapters.return_values import Code, heads_of, image_of

__all__ = ["ForeignAutoencoder", "Likelihood", "dtype_of"]

Likelihood = Literal["gaussian", "bernoulli"]

_LOG_VARIANCE: dict[Code, Callable[[Tensor], Tensor]] = {
    "log-variance": lambda s: s,
    "log-std": lambda s: 2 * s,
    "std": lambda s: 2 * s.log(),
    "variance": lambda s: s.log(),
}


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

    @property
    def assumptions(self) -> dict[str, str]:
        """The meaning that the adapter gives to the module's inputs and results."""
        shape = "×".join(map(str, self.code_shape))
        return {
            "input": f"{'flattened, ' if self.flat else ''}{_range(self.bounds)}",
            "code": f"deterministic, {shape}" if self.code is None else f"{self.code}, {shape}",
            "output": "logits" if self.logits else "image",
            "likelihood": self.likelihood or "none",
        }

    def encode(self, x: Tensor, noise: Noise | None = None) -> Posterior:
        """The posterior, or the code without a posterior."""
        heads = heads_of(self.module.encode(self._module_input(x)))  # type: ignore[operator]
        assert heads is not None  # checked by `wrap`
        mean = heads.mean.flatten(1).to(x.dtype)
        if self.code is None or heads.spread is None:
            return Posterior((), (mean if noise is None else mean.expand_as(noise[0]),))
        layer = Normal(mean, _LOG_VARIANCE[self.code](heads.spread.flatten(1).to(x.dtype)))
        return Posterior((layer,), (mean if noise is None else layer.sample(noise[0]),))

    def prior(self, z: Sequence[Tensor]) -> tuple[Normal, ...]:
        r""":math:`\mathcal N(0, I)`."""
        return (Normal(z[0], z[0]).standard_normal(),)

    def decode(self, z: Sequence[Tensor]) -> ImageDistribution:
        """The likelihood, or the reconstruction without a density."""
        rows = z[0].reshape(-1, *self.code_shape).to(dtype_of(self.module))
        decoded = image_of(self.module.decode(rows))  # type: ignore[operator]
        assert decoded is not None  # checked by `wrap`
        x = decoded.to(z[0].dtype).reshape(*z[0].shape[:-1], *self.event_shape)
        dims = len(self.event_shape)
        if self.likelihood == "bernoulli" and self.bounds is not None:
            return BernoulliImage(x if self.logits else self._logit(x), self.bounds, dims)
        if self.logits:
            low, high = self.bounds or (0.0, 1.0)
            x = low + (high - low) * x.sigmoid()
        return PointImage(x) if self.likelihood is None else NormalImage(x, self.variance, dims)

    def _module_input(self, x: Tensor) -> Tensor:
        return (x.flatten(1) if self.flat else x).to(dtype_of(self.module))

    def _logit(self, x: Tensor) -> Tensor:
        low, high = self.bounds or (0.0, 1.0)
        return ((x - low) / (high - low)).logit(eps=1e-6)


def dtype_of(module: nn.Module) -> torch.dtype:
    """The dtype of the inputs of a module: that of its first floating-point parameter."""
    kinds = (weight.dtype for weight in module.parameters())
    return next((kind for kind in kinds if kind.is_floating_point), torch.float32)


def _range(bounds: tuple[float, float] | None) -> str:
    return "unbounded" if bounds is None else f"in [{bounds[0]:g}, {bounds[1]:g}]"
