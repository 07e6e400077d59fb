"""Autoencoders whose attacks are known in closed form, or that deserve a flag."""

from collections.abc import Sequence

import torch
from torch import Tensor

from seatbelt_vae.distributions import ImageDistribution, Normal, NormalImage
from seatbelt_vae.protocol import Noise, Posterior

SIDE = 4
SHAPE = (1, SIDE, SIDE)
PIXELS = SIDE * SIDE


class Linear:
    """One layer: q(z|x) = N(Ax, s²I), p(x|z) = N(Wz, 0.1)."""

    bounds = (-5.0, 5.0)
    event_shape = SHAPE

    def __init__(self, units: int = 3, log_variance: float = -1.0, seed: int = 0) -> None:
        generator = torch.Generator().manual_seed(seed)
        self.latent_sizes: tuple[int, ...] = (units,)
        self.a = torch.randn(units, PIXELS, generator=generator, dtype=torch.float64)
        self.w = torch.randn(PIXELS, units, generator=generator, dtype=torch.float64)
        self.log_variance = log_variance

    def encode(self, x: Tensor, noise: Noise | None = None) -> Posterior:
        mean = x.flatten(1) @ self.a.to(x).T
        q = Normal(mean, torch.full_like(mean, self.log_variance))
        return Posterior((q,), (mean if noise is None else q.sample(noise[0]),))

    def prior(self, z: Sequence[Tensor]) -> tuple[Normal, ...]:
        return (Normal(z[0], z[0]).standard_normal(),)

    def decode(self, z: Sequence[Tensor]) -> ImageDistribution:
        image = z[0] @ self.w.to(z[0]).T
        return NormalImage(image.reshape(*image.shape[:-1], *SHAPE), 0.1)


class TwoLayers(Linear):
    """z¹ as in `Linear`, z² = N(Bz¹, s²I); the likelihood sees both."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(5)
        self.latent_sizes = (3, 2)
        self.b = torch.randn(2, 3, generator=generator, dtype=torch.float64)
        self.c = torch.randn(3, 2, generator=generator, dtype=torch.float64)

    def encode(self, x: Tensor, noise: Noise | None = None) -> Posterior:
        below = super().encode(x, noise)
        z = below.z[0]
        mean = z @ self.b.to(z).T
        q = Normal(mean, torch.full_like(mean, self.log_variance))
        above = mean if noise is None else q.sample(noise[1])
        return Posterior((*below.layers, q), (z, above))

    def prior(self, z: Sequence[Tensor]) -> tuple[Normal, ...]:
        mean = z[1] @ self.c.to(z[1]).T
        return (Normal(mean, torch.zeros_like(mean)), Normal(z[1], z[1]).standard_normal())

    def decode(self, z: Sequence[Tensor]) -> ImageDistribution:
        return super().decode([z[0] + z[1] @ self.c.to(z[1]).T])


class Noisy(Linear):
    """An encoder that is random even on the mean path."""

    def encode(self, x: Tensor, noise: Noise | None = None) -> Posterior:
        return super().encode(x + 0.01 * torch.randn_like(x), noise)


class MaskedGradient(Linear):
    """An encoder that hides its gradient behind a rounding."""

    def encode(self, x: Tensor, noise: Noise | None = None) -> Posterior:
        return super().encode(x + (x.round() - x).detach() - x + x.detach(), noise)


class DetachedGradient(Linear):
    """An encoder that cuts its gradient off altogether."""

    def encode(self, x: Tensor, noise: Noise | None = None) -> Posterior:
        return super().encode(x.detach(), noise)


class MisleadingGradient(Linear):
    """An encoder whose gradient points the wrong way."""

    def encode(self, x: Tensor, noise: Noise | None = None) -> Posterior:
        return super().encode(2 * x.detach() - x, noise)


class Saturated(Linear):
    """An encoder whose log-variance sits at the clamp."""

    def __init__(self) -> None:
        super().__init__(log_variance=-20.0)


class Training(Linear, torch.nn.Module):
    """A module in training mode."""

    def __init__(self) -> None:
        torch.nn.Module.__init__(self)
        Linear.__init__(self)


def images(seed: int = 1, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    """An input and a target well inside the bounds."""
    generator = torch.Generator().manual_seed(seed)
    x, target = torch.randn(2, *SHAPE, generator=generator, dtype=torch.float64).to(dtype)
    return x, target
