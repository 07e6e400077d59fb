"""The distributions of an autoencoder: diagonal Gaussians over codes, and two over inputs.

Every log-probability and divergence is in nats, summed over latent units or pixels and never
averaged over a batch.
"""

import math
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor
from torch.nn import functional

from seatbelt_vae.errors import ModelError

__all__ = [
    "BernoulliImage",
    "ImageDistribution",
    "Normal",
    "NormalImage",
    "PointImage",
]

_LOG_2PI = math.log(2 * math.pi)


@dataclass(frozen=True)
class Normal:
    r"""Diagonal Gaussian :math:`\mathcal N(\mu, \mathrm{diag}\,\sigma^2)` over the last dimension.

    Args:
        mean: :math:`\mu`, shape :math:`(*, d)`.
        log_variance: :math:`\log\sigma^2`, shape :math:`(*, d)`.

    Example:
        >>> q = Normal(torch.ones(2, 3), torch.zeros(2, 3))
        >>> q.kl(q.standard_normal())
        tensor([1.5000, 1.5000])
    """

    mean: Tensor
    log_variance: Tensor

    @property
    def variance(self) -> Tensor:
        return self.log_variance.exp()

    @property
    def std(self) -> Tensor:
        return (0.5 * self.log_variance).exp()

    def sample(self, noise: Tensor) -> Tensor:
        r"""Reparameterised draw :math:`\mu + \sigma\odot\epsilon`, shape of ``noise`` broadcast."""
        return self.mean + self.std * noise

    def log_prob_units(self, z: Tensor) -> Tensor:
        r""":math:`\log\mathcal N(z_j; \mu_j, \sigma_j^2)` of each unit, :math:`(*, d)`, nats."""
        squared = (z - self.mean).square() * (-self.log_variance).exp()
        return -0.5 * (squared + self.log_variance + _LOG_2PI)

    def log_prob(self, z: Tensor) -> Tensor:
        r""":math:`\log\mathcal N(z; \mu, \sigma^2)`, shape :math:`(*)`, nats."""
        return self.log_prob_units(z).sum(-1)

    def kl_units(self, other: "Normal") -> Tensor:
        r""":math:`\mathrm{KL}(q_j\,\|\,p_j)` of each unit, shape :math:`(*, d)`, nats."""
        log_ratio = self.log_variance - other.log_variance
        squared = (self.mean - other.mean).square() * (-other.log_variance).exp()
        return 0.5 * (squared + (log_ratio.expm1() - log_ratio))

    def kl(self, other: "Normal") -> Tensor:
        r""":math:`\mathrm{KL}(q\,\|\,p)`, shape :math:`(*)`, nats."""
        return self.kl_units(other).sum(-1)

    def standard_normal(self) -> "Normal":
        r""":math:`\mathcal N(0, I)` of the same shape, the prior of the top layer."""
        return Normal(torch.zeros_like(self.mean), torch.zeros_like(self.log_variance))


@runtime_checkable
class ImageDistribution(Protocol):
    """A decoder's distribution over inputs of an event shape such as :math:`(C, H, W)`."""

    @property
    def mean(self) -> Tensor:
        """The expected input, inside the model's bounds, shape :math:`(*, \\text{event})`."""
        ...

    def log_prob(self, x: Tensor) -> Tensor:
        """Log-likelihood of ``x``, shape :math:`(*)`, nats per example."""
        ...

    def max_log_prob(self, x: Tensor) -> Tensor:
        """The largest log-likelihood that any decoder output gives ``x``, shape :math:`(*)`."""
        ...


@dataclass(frozen=True)
class PointImage:
    r"""A reconstruction without a density, such as that of a deterministic autoencoder.

    ``log_prob`` raises a `ModelError`.

    Args:
        mean: :math:`\hat x`, shape :math:`(*, \text{event})`.
    """

    mean: Tensor

    def log_prob(self, x: Tensor) -> Tensor:
        raise ModelError(f"no likelihood of inputs {tuple(x.shape)}: the model declares none")

    max_log_prob = log_prob


def _sum_event(values: Tensor, event_dims: int) -> Tensor:
    return values.sum(dim=tuple(range(-event_dims, 0)))


@dataclass(frozen=True)
class NormalImage:
    r"""Gaussian pixels :math:`\mathcal N(x; \hat x, s^2 I)` with one fixed variance.

    Args:
        mean: :math:`\hat x`, shape :math:`(*, C, H, W)`.
        variance: :math:`s^2`, a positive number (the paper's CelebA models: 0.1).
        event_dims: trailing dimensions of one input, 3 of an image, 1 of a vector.

    Example:
        >>> p = NormalImage(torch.zeros(1, 1, 2, 2), 0.1)
        >>> bool(p.log_prob(p.mean) == p.max_log_prob(p.mean))
        True
    """

    mean: Tensor
    variance: float
    event_dims: int = 3

    def log_prob(self, x: Tensor) -> Tensor:
        r""":math:`-\|x-\hat x\|^2/2s^2 - \tfrac D2\log 2\pi s^2`, shape :math:`(*)`, nats."""
        error = _sum_event((x - self.mean).square(), self.event_dims)
        return -0.5 * error / self.variance + self._log_normaliser(x)

    def max_log_prob(self, x: Tensor) -> Tensor:
        r""":math:`-\tfrac D2\log 2\pi s^2`, at :math:`\hat x = x`; shape :math:`(*)`, nats."""
        return x.new_full(x.shape[: -self.event_dims], self._log_normaliser(x))

    def _log_normaliser(self, x: Tensor) -> float:
        values = math.prod(x.shape[-self.event_dims :])
        return -0.5 * values * (_LOG_2PI + math.log(self.variance))


@dataclass(frozen=True)
class BernoulliImage:
    r"""Bernoulli pixels on :math:`t = (x - lo)/(hi - lo)`, with grey values as probabilities.

    :math:`\log p(x) = \sum t\log\sigma(\ell) + (1-t)\log(1-\sigma(\ell))`, without the
    normaliser of a continuous Bernoulli, as in the paper's results on Faces and Chairs.

    Args:
        logits: :math:`\ell`, shape :math:`(*, C, H, W)`.
        bounds: the image bounds :math:`(lo, hi)`, numbers or tensors that broadcast to an image.
        event_dims: trailing dimensions of one input, 3 of an image, 1 of a vector.

    Example:
        >>> p = BernoulliImage(torch.zeros(1, 1, 1, 2), (-1.0, 1.0))
        >>> round(p.log_prob(torch.ones(1, 1, 1, 2)).item(), 4)
        -1.3863
    """

    logits: Tensor
    bounds: tuple[float | Tensor, float | Tensor]
    event_dims: int = 3

    @property
    def mean(self) -> Tensor:
        low, high = self.bounds
        return low + (high - low) * self.logits.sigmoid()

    def log_prob(self, x: Tensor) -> Tensor:
        """Sum of Bernoulli log-probabilities, shape :math:`(*)`, nats per image."""
        # softplus form of t·log σ(l) + (1−t)·log(1−σ(l)): finite for any logit
        terms = self._unit(x) * self.logits - functional.softplus(self.logits)
        return _sum_event(terms, self.event_dims)

    def max_log_prob(self, x: Tensor) -> Tensor:
        r""":math:`\sum t\log t + (1-t)\log(1-t)`, reached at :math:`\sigma(\ell) = t`; nats."""
        t = self._unit(x).clamp(0, 1)  # a pixel at a bound may be one rounding step outside
        return _sum_event(torch.xlogy(t, t) + torch.xlogy(1 - t, 1 - t), self.event_dims)

    def _unit(self, x: Tensor) -> Tensor:
        low, high = self.bounds
        return (x - low) / (high - low)
