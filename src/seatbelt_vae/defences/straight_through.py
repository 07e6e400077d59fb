"""The gradients of the undefended model in place of those of a defence."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from seatbelt_vae.defences.wrapper import Wrapper
from seatbelt_vae.distributions import ImageDistribution, Normal
from seatbelt_vae.protocol import Autoencoder, Capabilities, Noise, Posterior, capabilities_of

__all__ = ["StraightThrough"]


@dataclass(frozen=True, eq=False)
class StraightThrough(Wrapper):
    """Posteriors and reconstructions of a defended model, with the gradients of the inner model.

    It is the attack "BPDA" on a defence that masks its gradient. Both models need the same sizes of
    codes.

    Args:
        defended: the defended model.

    Source: Athalye, Carlini & Wagner (2018), "Obfuscated gradients give a false sense of security".
    """

    defended: Autoencoder

    @property
    def capabilities(self) -> Capabilities:
        """Those of the defended model that the inner model also has."""
        both = capabilities_of(self.defended), capabilities_of(self.inner)
        names = ("posterior", "reparameterised", "prior", "likelihood")
        shared = {name: all(getattr(has, name) for has in both) for name in names}
        return self._capabilities(codes=both[0].codes, **shared)

    def encode(self, x: Tensor, noise: Noise | None = None) -> Posterior:
        """The posterior of the defended model."""
        value, slope = self.defended.encode(x.detach(), noise), self.inner.encode(x, noise)
        layers = value.layers if self.capabilities.posterior else ()
        return Posterior(
            _normals(layers, slope.layers[: len(layers)]), tuple(map(_through, value.z, slope.z))
        )

    def prior(self, z: Sequence[Tensor]) -> tuple[Normal, ...]:
        """The prior of the defended model."""
        return _normals(self.defended.prior([code.detach() for code in z]), self.inner.prior(z))

    def decode(self, z: Sequence[Tensor]) -> ImageDistribution:
        """The likelihood of the defended model."""
        value = self.defended.decode([code.detach() for code in z])
        return _StraightThroughImage(value, self.inner.decode(z))


@dataclass(frozen=True)
class _StraightThroughImage:
    """The values of one distribution over inputs with the gradients of another."""

    value: ImageDistribution
    slope: ImageDistribution

    @property
    def mean(self) -> Tensor:
        """The expected input."""
        return _through(self.value.mean, self.slope.mean)

    def log_prob(self, x: Tensor) -> Tensor:
        """Log-likelihood of inputs, nats per example."""
        return _through(self.value.log_prob(x), self.slope.log_prob(x))

    def max_log_prob(self, x: Tensor) -> Tensor:
        """The largest log-likelihood that any decoder output gives inputs, nats per example."""
        return self.value.max_log_prob(x)


def _normals(values: Sequence[Normal], slopes: Sequence[Normal]) -> tuple[Normal, ...]:
    return tuple(
        Normal(_through(v.mean, s.mean), _through(v.log_variance, s.log_variance))
        for v, s in zip(values, slopes, strict=True)
    )


def _through(value: Tensor, slope: Tensor) -> Tensor:
    """A value with the gradient of another tensor."""
    return slope + (value - slope).detach()
