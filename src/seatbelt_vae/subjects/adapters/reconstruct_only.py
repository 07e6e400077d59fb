"""An adapter for maps from inputs to reconstructions, without access to codes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor

from seatbelt_vae.distributions import Normal, PointImage
from seatbelt_vae.errors import ModelError
from seatbelt_vae.protocol import Capabilities, Limits, Noise, Posterior
from seatbelt_vae.subjects.adapters.return_values import image_of, shown

__all__ = ["Reconstruction"]


@dataclass(frozen=True, eq=False)
class Reconstruction:
    r"""An `Autoencoder` from a map :math:`x \mapsto \hat x`; its code is the reconstruction.

    Only losses of reconstructions apply: ``output-l2``, ``damage-reconstruction``,
    ``damage-identity``, ``grill``, and a `ClassifierMargin` or `ScoreLoss`.

    Args:
        reconstruct: maps inputs :math:`(B, \text{event})` to reconstructions of the same shape.
        event_shape: shape of one input.
        bounds: smallest and largest value of an input, or of each channel or feature; or None.
        dtype: dtype of the inputs of the map.
        flat: whether the map takes and returns flattened inputs.
        scale: standard deviations of the features of vectors, see `units_of`.
    """

    reconstruct: Callable[[Tensor], object]
    event_shape: tuple[int, ...]
    bounds: Limits = (0.0, 1.0)
    dtype: torch.dtype = torch.float32
    flat: bool = False
    scale: Tensor | None = None

    capabilities = Capabilities(
        posterior=False, reparameterised=False, prior=False, likelihood=False, codes=False
    )

    @property
    def latent_sizes(self) -> tuple[int, ...]:
        """One layer of the size of an input."""
        return (prod(self.event_shape),)

    @property
    def assumptions(self) -> dict[str, str]:
        """The meaning that the adapter gives to the inputs and results of the map."""
        return {"input": "flattened" if self.flat else "as it is", "code": "none"}

    def encode(self, x: Tensor, noise: Noise | None = None) -> Posterior:
        """The flattened reconstruction, without a posterior."""
        given = (x.flatten(1) if self.flat else x).to(self.dtype)
        found = image_of(self.reconstruct(given))
        if found is None or found.numel() != x.numel():
            raise ModelError(
                f"inputs {tuple(x.shape)} are reconstructed as {shown(found)}, expected a tensor "
                f"of that shape"
            )
        z = found.to(x.dtype).reshape(len(x), -1)
        return Posterior((), (z if noise is None else z.expand_as(noise[0]),))

    def prior(self, z: Sequence[Tensor]) -> tuple[Normal, ...]:
        """Not available."""
        raise ModelError(f"no prior of codes {tuple(z[0].shape)}: the model reconstructs only")

    def decode(self, z: Sequence[Tensor]) -> PointImage:
        """The reconstruction."""
        return PointImage(z[0].reshape(*z[0].shape[:-1], *self.event_shape))
