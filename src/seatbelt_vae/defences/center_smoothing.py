"""``center-smoothing:SIGMA``: the reconstruction in the middle of those of noisy inputs."""

import math
from dataclasses import dataclass

import torch
from scipy.stats import norm
from torch import Tensor

from seatbelt_vae.defences.wrapper import Wrapper
from seatbelt_vae.protocol import Noise, Posterior, bounds_of
from seatbelt_vae.randomness import Stream, generator_for

__all__ = ["CenterSmoothing"]

_AT_ONCE = 256


@dataclass(frozen=True, eq=False)
class CenterSmoothing(Wrapper):
    r"""Encodes that of n noisy inputs whose reconstruction is nearest to a majority of the others.

    The inputs are :math:`x + \sigma\epsilon_k`, clipped to the bounds. The chosen reconstruction
    has the smallest distance within which :math:`\lfloor n/2 \rfloor + 1` of the n reconstructions
    lie, its own included. The choice is constant almost everywhere, so that gradients are exact.

    Args:
        sigma: σ as a share of the range of an input.
        draws: n.

    Source: Kumar & Goldstein (2021), "Center smoothing".
    """

    sigma: float
    draws: int = 32

    random = True

    def encode(self, x: Tensor, noise: Noise | None = None) -> Posterior:
        """The posterior of the chosen noisy input."""
        noisy = self._noisy(x, self.draws, self.generator(), shared=not self.fresh)
        with torch.no_grad():
            found = self._reconstructions(noisy).transpose(0, 1)
            radius = torch.cdist(found, found).kthvalue(self.draws // 2 + 1, dim=-1).values
        chosen = noisy[radius.argmin(dim=1), torch.arange(len(x), device=x.device)]
        return self.inner.encode(chosen, noise)

    @torch.no_grad()
    def certificate(
        self, x: Tensor, radius: float, *, samples: int = 2000, alpha: float = 0.05
    ) -> Tensor:
        r"""A bound :math:`\epsilon_\text{out}` of the movement of reconstructions, :math:`(B)`.

        For every :math:`x'` with :math:`\|x' - x\|_2 \leq` radius, the distance of the smoothed
        reconstructions of :math:`x'` and x is at most :math:`\epsilon_\text{out}` with
        probability :math:`1 - \alpha` over the noise. With m samples around x, it is three times
        the quantile of the distances from the smoothed reconstruction at

        .. math:: \Phi\left(\Phi^{-1}\left(\tfrac{\lfloor n/2 \rfloor + 1}{n}
            + \sqrt{\tfrac{\ln(2/\alpha)}{2n}}\right) + \tfrac{\epsilon_\text{in}}{\sigma}\right)
            + \sqrt{\tfrac{\ln(2/\alpha)}{2m}}

        It is infinite if that is 1 or more. Proof: the ball with a third of this radius holds a
        majority of the n reconstructions of :math:`x'`; the ball chosen at :math:`x'` also does,
        meets it, and has at most twice its radius.

        Args:
            x: inputs.
            radius: :math:`\epsilon_\text{in}`, in the units of inputs.
            samples: m.
            alpha: α.
        """
        majority = (self.draws // 2 + 1) / self.draws + _hoeffding(self.draws, alpha)
        # ppf(1) is infinite, so that a majority of 1 or more gives a share of 1
        share = norm.cdf(norm.ppf(min(majority, 1.0)) + radius / self._deviation)
        place = math.ceil((share + _hoeffding(samples, alpha)) * samples)
        if place > samples:
            return x.new_full((len(x),), math.inf)
        centre = self.inner.decode(self.encode(x).z).mean.flatten(1)
        generator = generator_for(Stream.CERTIFICATE_NOISE, self.seed)
        noisy = self._noisy(x, samples, generator, shared=True)
        distances = (self._reconstructions(noisy) - centre).norm(dim=2)
        quantile: Tensor = distances.kthvalue(place, dim=0).values
        return 3 * quantile

    @property
    def _deviation(self) -> float:
        """σ in the units of inputs."""
        return self.sigma * bounds_of(self.inner).span

    def _noisy(self, x: Tensor, count: int, generator: torch.Generator, *, shared: bool) -> Tensor:
        """Noisy inputs, :math:`(n, B, \\text{event})`; the noise may be the same for all rows."""
        rows = x[:1] if shared else x
        noise = torch.randn(count, *rows.shape, generator=generator).to(x)
        return bounds_of(self.inner).clamp(x + self._deviation * noise)

    def _reconstructions(self, inputs: Tensor) -> Tensor:
        """Flattened reconstructions of inputs :math:`(n, B, \\text{event})`, :math:`(n, B, p)`."""
        parts = inputs.flatten(0, 1).split(_AT_ONCE)
        found = [self.inner.decode(self.inner.encode(part).z).mean.flatten(1) for part in parts]
        return torch.cat(found).view(*inputs.shape[:2], -1)


def _hoeffding(count: int, alpha: float) -> float:
    """Hoeffding's deviation of a share of ``count`` draws, at most α/2 likely."""
    return math.sqrt(math.log(2 / alpha) / (2 * count))
