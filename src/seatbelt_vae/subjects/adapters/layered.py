"""An adapter for modules with several layers of codes, in either direction."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from seatbelt_vae.config.adapter import Order
from seatbelt_vae.distributions import Normal
from seatbelt_vae.protocol import Capabilities, Noise, Posterior
from seatbelt_vae.subjects.adapters.foreign import ForeignAutoencoder

__all__ = ["LayeredAutoencoder"]


@dataclass(frozen=True, eq=False)
class LayeredAutoencoder(ForeignAutoencoder):
    r"""An `Autoencoder` of L layers from a module with four methods and its number of layers.

    .. code-block:: python

        depth: int                     # L
        def encode(self, x): ...       # features: tensors (B, …), alone or in a list, tuple or dict
        def posterior(self, features, z): ...  # mean and spread of the next layer, given codes z
        def prior(self, z): ...        # mean and spread of the next lower layer, given codes z
        def decode(self, z): ...       # the reconstruction

    Codes z are tuples. For ``prior`` and ``decode`` they begin with the top layer, whose prior is
    :math:`\mathcal N(0, I)`. For ``posterior`` they begin with the layer that is computed first:
    ``top-down`` is :math:`q(z^l|x, z^{>l})` as in Ladder VAE, NVAE and VDVAE, ``bottom-up`` is
    :math:`q(z^l|x, z^{<l})`. The methods draw nothing.

    Args:
        order: the direction of the posterior.

    Source: Sønderby et al. (2016), Ladder VAE; Vahdat & Kautz (2020), NVAE; Child (2021), VDVAE.
    """

    order: Order = "top-down"

    @property
    def capabilities(self) -> Capabilities:
        """As for one layer, with the order."""
        return replace(super().capabilities, top_down=self.order == "top-down")

    @property
    def assumptions(self) -> dict[str, str]:
        """The meaning that the adapter gives to the module's inputs and results."""
        return {**super().assumptions, "order": self.order}

    @property
    def layers(self) -> list[int]:
        """The layers in the order of the posterior, zero-based, 0 next to the data."""
        found = list(range(len(self.code_shapes)))
        return found[::-1] if self.order == "top-down" else found

    def encode(self, x: Tensor, noise: Noise | None = None) -> Posterior:
        """The posterior of each layer, given the codes that were drawn before it."""
        rows = (len(x),) if noise is None else tuple(noise[0].shape[:-1])
        features = self.module.encode(self.module_input(x))  # type: ignore[operator]
        features = _repeated(features, rows[:-1])
        found: dict[int, Normal] = {}
        codes: dict[int, Tensor] = {}
        for i in self.layers:
            given = tuple(self.code_of(codes[j], j) for j in codes)
            flat = self.normal(self.module.posterior(features, given), x.dtype)  # type: ignore[operator]
            found[i] = _with_rows(flat, rows)
            codes[i] = found[i].mean if noise is None else found[i].sample(noise[i])
        bottom_up = range(len(self.code_shapes))
        return Posterior(tuple(found[i] for i in bottom_up), tuple(codes[i] for i in bottom_up))

    def prior(self, z: Sequence[Tensor]) -> tuple[Normal, ...]:
        r""":math:`p(z^l|z^{>l})`, and :math:`\mathcal N(0, I)` at the top."""
        codes, layers = self._top_first(z), [Normal(z[-1], z[-1]).standard_normal()]
        for above in range(1, len(z)):
            flat = self.normal(self.module.prior(codes[:above]), z[0].dtype)  # type: ignore[operator]
            layers.append(_with_rows(flat, tuple(z[0].shape[:-1])))
        return tuple(reversed(layers))

    def _decoded(self, z: Sequence[Tensor]) -> object:
        return self.module.decode(self._top_first(z))  # type: ignore[operator]

    def _top_first(self, z: Sequence[Tensor]) -> tuple[Tensor, ...]:
        return tuple(self.code_of(z[i], i) for i in reversed(range(len(z))))


def _repeated(features: Any, draws: tuple[int, ...]) -> Any:
    """Features with one row per draw and input; tensors in lists, tuples and dicts."""
    if not draws:
        return features
    match features:
        case Tensor():
            return features.expand(*draws, *features.shape).flatten(0, len(draws))
        case dict():
            return {name: _repeated(part, draws) for name, part in features.items()}
        case list() | tuple():
            return type(features)([_repeated(part, draws) for part in features])
    return features


def _with_rows(layer: Normal, rows: tuple[int, ...]) -> Normal:
    return Normal(layer.mean.reshape(*rows, -1), layer.log_variance.reshape(*rows, -1))
