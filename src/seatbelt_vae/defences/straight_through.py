"""The gradients of the undefended model in place of those of a defence."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from seatbelt_vae.defences.wrapper import Wrapper
from seatbelt_vae.distributions import PointImage
from seatbelt_vae.protocol import Autoencoder, Capabilities, Noise, Posterior, capabilities_of

__all__ = ["StraightThrough"]


@dataclass(frozen=True, eq=False)
class StraightThrough(Wrapper):
    """Codes and reconstructions of a defended model, with the gradients of the inner model.

    It is the attack "BPDA" on a defence that masks its gradient. Both models need the same sizes of
    codes. There is no density.

    Args:
        defended: the defended model.

    Source: Athalye, Carlini & Wagner (2018), "Obfuscated gradients give a false sense of security".
    """

    defended: Autoencoder

    @property
    def capabilities(self) -> Capabilities:
        """Those of the defended model, without prior and likelihood."""
        has = capabilities_of(self.defended)
        return self._capabilities(
            posterior=False, reparameterised=False, prior=False, likelihood=False, codes=has.codes
        )

    def encode(self, x: Tensor, noise: Noise | None = None) -> Posterior:
        """The codes of the defended model."""
        values = self.defended.encode(x.detach(), noise).z
        slopes = self.inner.encode(x, noise).z
        return Posterior((), tuple(map(_through, values, slopes)))

    def decode(self, z: Sequence[Tensor]) -> PointImage:
        """The reconstruction of the defended model."""
        value = self.defended.decode([code.detach() for code in z]).mean
        return PointImage(_through(value, self.inner.decode(z).mean))


def _through(value: Tensor, slope: Tensor) -> Tensor:
    """A value with the gradient of another tensor."""
    return slope + (value - slope).detach()
