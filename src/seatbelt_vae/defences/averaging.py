"""``averaging:K``: the mean of the reconstructions of K codes drawn from the posterior."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from seatbelt_vae.defences.wrapper import Wrapper
from seatbelt_vae.distributions import Normal, PointImage
from seatbelt_vae.protocol import Capabilities, Noise, Posterior, draw_noise, event_shape_of

__all__ = ["Averaging"]


@dataclass(frozen=True, eq=False)
class Averaging(Wrapper):
    r"""The reconstruction :math:`\frac1K\sum_k \mathbb E[x|z_k]` with :math:`z_k \sim q(z|x)`.

    The code of a layer is all K draws, :math:`(B, K d_i)`. There is neither a prior nor a
    likelihood of it.

    Args:
        draws: K.
    """

    draws: int

    needs = ("posterior",)
    random = True

    @property
    def latent_sizes(self) -> tuple[int, ...]:
        r""":math:`(K d_1, \dots, K d_L)`."""
        return tuple(self.draws * size for size in self.inner.latent_sizes)

    @property
    def capabilities(self) -> Capabilities:
        """Those of the inner model, without prior and likelihood."""
        return self._capabilities(prior=False, likelihood=False, reparameterised=False)

    def encode(self, x: Tensor, noise: Noise | None = None) -> Posterior:
        r"""K draws per layer; without noise, those of the defence's own noise."""
        if noise is None:
            rows = 1 if not self.fresh else len(x)
            shape = (self.draws, rows)
            drawn = draw_noise(self.inner.latent_sizes, shape, self.generator(), like=x)
            inner = [layer.expand(-1, len(x), -1) for layer in drawn]
        else:
            inner = [self._apart(layer) for layer in noise]
        posterior = self.inner.encode(x, inner)
        z = tuple(self._joined(code) for code in posterior.z)
        layers = tuple(
            Normal(*(self._joined(p.expand_as(code)) for p in (q.mean, q.log_variance)))
            for q, code in zip(posterior.layers, posterior.z, strict=True)
        )
        return Posterior(layers, z)

    def decode(self, z: Sequence[Tensor]) -> PointImage:
        """The mean of the K reconstructions."""
        images = self.inner.decode([self._apart(code) for code in z]).mean
        return PointImage(images.mean(dim=-2 - len(event_shape_of(self.inner))))

    def _apart(self, codes: Tensor) -> Tensor:
        """Codes :math:`(*, B, K d)` as :math:`(*, K, B, d)`."""
        apart: Tensor = codes.unflatten(-1, (self.draws, -1)).movedim(-2, -3)
        return apart

    def _joined(self, codes: Tensor) -> Tensor:
        """The inverse of `_apart`."""
        joined: Tensor = codes.movedim(-3, -2).flatten(-2)
        return joined
