"""An adapter for modules with ``encode`` and ``decode``, with or without a posterior."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from seatbelt_vae.config.adapter import Code, Output
from seatbelt_vae.distributions import (
    BernoulliImage,
    ImageDistribution,
    Normal,
    NormalImage,
    PointImage,
)
from seatbelt_vae.protocol import Bounds, Capabilities, Limits, Noise, Posterior
from seatbelt_vae.subjects.adapters.return_values import heads_of, image_of

__all__ = ["ForeignAutoencoder", "Likelihood", "dtype_of"]

Likelihood = Literal["gaussian", "bernoulli"]

_LOG_VARIANCE: dict[Code, Callable[[Tensor], Tensor]] = {
    "log-variance": lambda s: s,
    "log-std": lambda s: 2 * s,
    "std": lambda s: 2 * s.log(),
    "variance": lambda s: s.log(),
    "softplus": lambda s: 2 * softplus(s).log(),
}


@dataclass(frozen=True, eq=False)
class ForeignAutoencoder:
    r"""An `Autoencoder` of one layer from the ``encode`` and ``decode`` of a module.

    Inputs are cast to the dtype of the module, and results back. Codes of any shape are flattened
    to one layer of units.

    Args:
        module: the module, in evaluation mode.
        event_shape: shape of one input.
        bounds: smallest and largest value of an input, or of each channel or feature; or None.
        code_shapes: shape of one code of each layer, the layer next to the data first.
        code: the meaning of the second tensor of ``encode``; ``none`` for no posterior.
        likelihood: likelihood of the decoder; None for a reconstruction without a density.
        variance: variance of the Gaussian likelihood.
        output: the meaning of the tensor of ``decode``.
        flat: whether the module takes and returns flattened inputs.
        scale: standard deviations of the features of vectors, see `units_of`.
    """

    module: nn.Module
    event_shape: tuple[int, ...]
    bounds: Limits
    code_shapes: tuple[tuple[int, ...], ...]
    code: Code
    likelihood: Likelihood | None = None
    variance: float = 0.1
    output: Output = "image"
    flat: bool = False
    scale: Tensor | None = None

    @property
    def latent_sizes(self) -> tuple[int, ...]:
        """The units of each layer."""
        return tuple(map(prod, self.code_shapes))

    @property
    def capabilities(self) -> Capabilities:
        """Posterior and prior if the code is Gaussian; a likelihood if it is given."""
        gaussian = self.code != "none"
        return Capabilities(
            posterior=gaussian,
            reparameterised=gaussian,
            prior=gaussian,
            likelihood=self.likelihood is not None,
            tokens=hasattr(self.module, "tokens"),
        )

    @property
    def assumptions(self) -> dict[str, str]:
        """The meaning that the adapter gives to the module's inputs and results."""
        shape = " + ".join("×".join(map(str, shape)) for shape in self.code_shapes)
        return {
            "input": f"{'flattened, ' if self.flat else ''}{_range(self.bounds)}",
            "code": f"{self._kind}, {shape}",
            "output": self.output,
            "likelihood": self.likelihood or "none",
        }

    @property
    def _kind(self) -> str:
        if self.capabilities.tokens:
            return "before quantisation"
        return "deterministic" if self.code == "none" else self.code

    def encode(self, x: Tensor, noise: Noise | None = None) -> Posterior:
        """The posterior, or the code without a posterior."""
        encoded = self.module.encode(self.module_input(x))  # type: ignore[operator]
        heads = heads_of(encoded)
        assert heads is not None  # checked by `wrap`
        if self.code == "none" or heads.spread is None:
            mean = heads.mean.flatten(1).to(x.dtype)
            return Posterior((), (mean if noise is None else mean.expand_as(noise[0]),))
        layer = self.normal(encoded, x.dtype)
        return Posterior((layer,), (layer.mean if noise is None else layer.sample(noise[0]),))

    def normal(self, returned: object, dtype: torch.dtype) -> Normal:
        """The Gaussian of a mean and a spread :math:`(B, *)`, flattened to :math:`(B, d)`."""
        heads = heads_of(returned)
        assert heads is not None  # checked by `wrap`
        assert heads.spread is not None
        mean, spread = (part.flatten(1).to(dtype) for part in (heads.mean, heads.spread))
        return Normal(mean, _LOG_VARIANCE[self.code](spread))

    def tokens(self, x: Tensor) -> Tensor:
        """The tokens of quantised codes, :math:`(B, n)`, of a module with ``tokens(x)``."""
        found: Tensor = self.module.tokens(self.module_input(x))  # type: ignore[operator]
        return found.flatten(1)

    @property
    def forward(self) -> Callable[[Tensor], Tensor] | None:
        """The module's own map from inputs to reconstructions, if it has one of that form."""
        if not isinstance(self.module, nn.Module) or type(self.module).forward is nn.Module.forward:
            return None
        zeros = torch.zeros(2, *self.event_shape)
        try:
            own = image_of(self.module(self.module_input(zeros)))
        except (RuntimeError, ValueError, TypeError, IndexError, AttributeError, KeyError):
            return None  # such as a forward that takes other arguments
        if own is None or own.numel() != zeros.numel():
            return None

        def forward(x: Tensor) -> Tensor:
            found = image_of(self.module(self.module_input(x)))
            assert found is not None
            found = found.to(x.dtype).reshape(x.shape)
            if self.output == "image":
                return found
            low, high = self._ends(found)
            # some modules apply the sigmoid in forward only, and logits of images leave [0, 1]
            squashed = bool(((found >= 0) & (found <= 1)).all())
            return low + (high - low) * (found if squashed else found.sigmoid())

        return forward

    def prior(self, z: Sequence[Tensor]) -> tuple[Normal, ...]:
        r""":math:`\mathcal N(0, I)`."""
        return (Normal(z[0], z[0]).standard_normal(),)

    def decode(self, z: Sequence[Tensor]) -> ImageDistribution:
        """The likelihood, or the reconstruction without a density."""
        decoded = image_of(self._decoded(z))
        assert decoded is not None  # checked by `wrap`
        x = decoded.to(z[0].dtype).reshape(*z[0].shape[:-1], *self.event_shape)
        dims = len(self.event_shape)
        if self.likelihood == "bernoulli" and self.bounds is not None:
            return BernoulliImage(self._logits(x), self.bounds, dims)
        x = self.as_input(x)
        return PointImage(x) if self.likelihood is None else NormalImage(x, self.variance, dims)

    def code_of(self, z: Tensor, layer: int) -> Tensor:
        """Codes :math:`(*K, B, d)` of a layer as the module takes them, one row per code."""
        return z.reshape(-1, *self.code_shapes[layer]).to(dtype_of(self.module))

    def _decoded(self, z: Sequence[Tensor]) -> object:
        return self.module.decode(self.code_of(z[0], 0))  # type: ignore[operator]

    def as_input(self, decoded: Tensor) -> Tensor:
        """Results of ``decode`` as inputs within the bounds."""
        if self.output == "image":
            return decoded
        low, high = self._ends(decoded)
        return low + (high - low) * (decoded.sigmoid() if self.output == "logits" else decoded)

    def module_input(self, x: Tensor) -> Tensor:
        """Inputs in the dtype and shape that the module takes."""
        return (x.flatten(1) if self.flat else x).to(dtype_of(self.module))

    def _logits(self, x: Tensor) -> Tensor:
        if self.output == "logits":
            return x
        low, high = (0.0, 1.0) if self.output == "probability" else self._ends(x)
        return ((x - low) / (high - low)).logit(eps=1e-6)

    def _ends(self, like: Tensor) -> Bounds:
        """The bounds, [0, 1] without any, as tensors on the device of others."""
        low, high = (torch.as_tensor(bound).to(like) for bound in self.bounds or (0.0, 1.0))
        return Bounds(low, high)


def dtype_of(module: nn.Module) -> torch.dtype:
    """The dtype of the inputs of a module: that of its first floating-point parameter."""
    kinds = (weight.dtype for weight in module.parameters())
    return next((kind for kind in kinds if kind.is_floating_point), torch.float32)


def _range(bounds: Limits) -> str:
    return "unbounded" if bounds is None else f"in {Bounds(*bounds)}"
