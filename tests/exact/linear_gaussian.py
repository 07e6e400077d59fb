"""Linear-Gaussian chains of any depth: autoencoders whose likelihood and posterior are known."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.polynomial.hermite_e import hermegauss
from torch import Tensor

from seatbelt_vae.distributions import ImageDistribution, Normal, NormalImage
from seatbelt_vae.protocol import Noise, Posterior


@dataclass(frozen=True)
class Conditional:
    """N(on_below·below + on_x·x + shift, variance)."""

    on_below: float
    on_x: float
    shift: float
    variance: float


@dataclass(frozen=True)
class Chain:
    """One number a layer: zⁱ = bᵢ zⁱ⁺¹ + noise, x = Σ wᵢ zⁱ + noise; any linear encoder.

    Args:
        slopes, variances: bᵢ and the noise's variance of each layer below the top.
        weights, image_variance: the likelihood.
        encoder: q(zⁱ|zⁱ⁻¹, x), bottom first.
    """

    slopes: tuple[float, ...]
    variances: tuple[float, ...]
    weights: tuple[float, ...]
    image_variance: float
    encoder: tuple[Conditional, ...] = ()
    bounds: tuple[float, float] = (-5.0, 5.0)
    event_shape: tuple[int, int, int] = (1, 1, 1)

    @property
    def latent_sizes(self) -> tuple[int, ...]:
        return (1,) * len(self.weights)

    def encode(self, x: Tensor, noise: Noise | None = None) -> Posterior:
        pixel = x.flatten(1)
        below, layers, path = torch.zeros_like(pixel), [], []
        for i, c in enumerate(self.encoder):
            mean = c.on_below * below + c.on_x * pixel + c.shift
            q = Normal(mean, torch.full_like(mean, np.log(c.variance)))
            below = mean if noise is None else q.sample(noise[i])
            layers.append(q)
            path.append(below)
        return Posterior(tuple(layers), tuple(path))

    def prior(self, z: Sequence[Tensor]) -> tuple[Normal, ...]:
        below = [
            Normal(b * above, torch.full_like(above, np.log(v)))
            for b, v, above in zip(self.slopes, self.variances, z[1:], strict=True)
        ]
        return (*below, Normal(z[-1], z[-1]).standard_normal())

    def decode(self, z: Sequence[Tensor]) -> ImageDistribution:
        mean = torch.stack([w * part for w, part in zip(self.weights, z, strict=True)]).sum(0)
        return NormalImage(mean[..., None, None], self.image_variance)

    def covariance(self) -> np.ndarray:
        """Covariance of (z¹, …, z^L, x) under the generative model; all means are 0."""
        depth = len(self.weights)
        # zⁱ as a combination of independent unit noises, one a layer and the image's
        rows = np.zeros((depth + 1, depth + 1))
        rows[depth - 1, depth - 1] = 1
        for i in reversed(range(depth - 1)):
            rows[i] = self.slopes[i] * rows[i + 1]
            rows[i, i] = np.sqrt(self.variances[i])
        rows[depth] = np.array(self.weights) @ rows[:depth]
        rows[depth, depth] = np.sqrt(self.image_variance)
        return rows @ rows.T

    def log_likelihood(self, x: float) -> float:
        """log p(x)."""
        variance = self.covariance()[-1, -1]
        return float(-0.5 * (x**2 / variance + np.log(2 * np.pi * variance)))

    def exact_posterior(self, x: float) -> tuple[np.ndarray, np.ndarray]:
        """Mean and covariance of p(z|x)."""
        joint = self.covariance()
        gain = joint[:-1, -1] / joint[-1, -1]
        return gain * x, joint[:-1, :-1] - np.outer(gain, joint[-1, :-1])

    def encoder_joint(self, x: float) -> tuple[np.ndarray, np.ndarray]:
        """Mean and covariance of q(z|x)."""
        depth = len(self.encoder)
        mean, rows = np.zeros(depth), np.zeros((depth, depth))
        for i, c in enumerate(self.encoder):
            mean[i] = c.on_x * x + c.shift + (c.on_below * mean[i - 1] if i else 0)
            if i:
                rows[i] = c.on_below * rows[i - 1]
            rows[i, i] = np.sqrt(c.variance)
        return mean, rows @ rows.T

    def elbo(self, x: float) -> float:
        """log p(x) − KL(q(z|x) ‖ p(z|x)), by linear algebra over all layers at once."""
        (m, s), (mean, covariance) = self.encoder_joint(x), self.exact_posterior(x)
        precision = np.linalg.inv(covariance)
        divergence = 0.5 * (
            np.trace(precision @ s)
            + (m - mean) @ precision @ (m - mean)
            - len(m)
            + np.linalg.slogdet(covariance)[1]
            - np.linalg.slogdet(s)[1]
        )
        return self.log_likelihood(x) - float(divergence)

    def with_exact_encoder(self) -> "Chain":
        """The chain with q(zⁱ|zⁱ⁻¹, x) = p(zⁱ|zⁱ⁻¹, …, z¹, x), which must not need the dots."""
        joint, encoder = self.covariance(), []
        image = len(self.weights)
        for i in range(image):
            given = [*range(i), image]
            gain = np.linalg.solve(joint[np.ix_(given, given)], joint[given, i])
            assert np.allclose(gain[: max(0, i - 1)], 0), "a chain cannot hold this posterior"
            variance = joint[i, i] - gain @ joint[given, i]
            encoder.append(Conditional(gain[i - 1] if i else 0.0, gain[-1], 0.0, variance))
        return replace(self, encoder=tuple(encoder))

    def with_wrong_encoder(self) -> "Chain":
        """The chain with an encoder that is off in every coefficient."""
        encoder = tuple(
            Conditional(0.8 * c.on_below + 0.1, 0.9 * c.on_x - 0.05, 0.1, 1.3 * c.variance)
            for c in self.with_exact_encoder().encoder
        )
        return replace(self, encoder=encoder)


CHAINS = {
    1: Chain((), (), (0.7,), 0.4),
    2: Chain((0.9,), (0.3,), (1.0, 0.5), 0.25),
    # the likelihood of the third sees two layers, so that its exact posterior is a chain
    3: Chain((0.8, -0.6), (0.5, 0.4), (1.0, 0.6, 0.0), 0.3),
}

PRINTED = Chain((1.0,), (1.0,), (1.0, 1.0), 0.01)
"""z¹ = z² + e, x = z¹ + z² + 0.1e: where the printed closed form exceeds the likelihood."""


def quadrature(depth: int, nodes: int = 3) -> tuple[tuple[Tensor, ...], Tensor]:
    """Noise of every layer and its weight: exact for polynomials of degree 2·nodes − 1."""
    points, masses = hermegauss(nodes)
    masses = masses / masses.sum()
    places = list(itertools.product(range(nodes), repeat=depth))
    noise = tuple(torch.tensor([[[points[p[i]]]] for p in places]) for i in range(depth))
    return noise, torch.tensor([np.prod([masses[j] for j in p]) for p in places])


def image(x: float, copies: int = 1) -> Tensor:
    """x as a batch of one-pixel images, float64."""
    return torch.full((copies, 1, 1, 1), x, dtype=torch.float64)
