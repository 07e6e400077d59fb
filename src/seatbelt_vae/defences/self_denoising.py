"""``self-denoising:R``: the model reconstructs an input R times before it encodes it."""

from dataclasses import dataclass

from torch import Tensor

from seatbelt_vae.defences.wrapper import Wrapper
from seatbelt_vae.protocol import Noise, Posterior, bounds_of

__all__ = ["SelfDenoising"]


@dataclass(frozen=True, eq=False)
class SelfDenoising(Wrapper):
    r"""Encodes :math:`R^r(x)`, with R the reconstruction on the mean path.

    Args:
        times: r.
    """

    times: int

    def encode(self, x: Tensor, noise: Noise | None = None) -> Posterior:
        """The posterior of the input that was reconstructed r times."""
        for _ in range(self.times):
            x = bounds_of(self.inner).clamp(self.inner.decode(self.inner.encode(x).z).mean)
        return self.inner.encode(x, noise)
