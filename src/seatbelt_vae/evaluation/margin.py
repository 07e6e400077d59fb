"""r-robustness and margins (Camuto et al. 2021): perturbations that keep the reconstruction."""

from dataclasses import dataclass

import numpy as np
import torch
from scipy.special import betaincinv
from torch import Tensor

from seatbelt_vae.config.checks import at_least
from seatbelt_vae.errors import ConfigError, ShapeError
from seatbelt_vae.evaluation.gap import image_norm, reconstruct
from seatbelt_vae.protocol import Autoencoder, as_inputs, capabilities_of, draw_noise
from seatbelt_vae.randomness import Stream, generator_for

__all__ = ["Margins", "Robustness", "clopper_pearson", "margins", "mean_jacobian", "r_robustness"]

_ERROR, _FEWEST = 0.05, 1000  # chance that a bound is wrong, and least draws of a margin
_ENTRIES = 2**24  # entries of the Jacobians held in memory at once


def clopper_pearson(successes: Tensor, draws: int, error: float) -> Tensor:
    r"""Lower bound of a probability from k successes in n draws (Clopper & Pearson 1934).

    It solves :math:`\sum_{j\geq k}\binom nj p^j(1-p)^{n-j}=` error, a quantile of the Beta
    distribution. It exceeds the true p with probability at most ``error``. The upper bound is one
    minus the lower bound of the failures.

    Args:
        successes: k, integers of any shape.
        draws: n.
        error: probability that the bound is wrong.

    Returns:
        The bounds, in the shape of ``successes``, float64.

    Raises:
        ConfigError: k outside 0..n, or an error outside (0, 1).

    Example:
        >>> bool((clopper_pearson(torch.tensor([10]), 10, 0.05) - 0.05**0.1).abs() < 1e-12)
        True
    """
    k = successes.double().cpu().numpy()
    if not ((k >= 0) & (k <= draws)).all() or not 0 < error < 1:
        got = f"{successes.tolist()} successes in {draws} draws at error {error:g}"
        raise ConfigError(f"{got}, expected k in 0..n and an error inside (0, 1): count again")
    # the quantile does not exist for k = 0, where the bound is 0
    return torch.from_numpy(np.where(k > 0, betaincinv(np.maximum(k, 1), draws - k + 1, error), 0))


@dataclass(frozen=True)
class Robustness:
    r"""Number of K draws that reconstruct each of N perturbed images within the radius.

    Args:
        inside: draws with :math:`\|g(z)-g(\mu(x))\|_2 \leq r`, integers, :math:`(N)`.
        draws: K.
    """

    inside: Tensor
    draws: int

    @property
    def probability(self) -> Tensor:
        """Share of the draws, :math:`(N)`, float64; r-robust if above one half."""
        return self.inside.double() / self.draws

    @property
    def interval(self) -> Tensor:
        """Two-sided 95 % Clopper-Pearson interval, low and high per image, :math:`(N, 2)`."""
        counts = torch.stack([self.inside, self.draws - self.inside])
        low, outside = clopper_pearson(counts, self.draws, _ERROR / 2)
        return torch.stack([low, 1 - outside], dim=1)


@torch.no_grad()
def r_robustness(
    model: Autoencoder,
    x: Tensor,
    perturbed: Tensor,
    radius: float,
    *,
    draws: int = _FEWEST,
    seed: int = 0,
    batch: int = 250,
) -> Robustness:
    r"""Estimate :math:`P_{z\sim q(\cdot|x+\delta)}(\|g(z)-g(\mu(x))\|_2\leq r)`; robust above ½.

    g is the decoder's mean image, :math:`\mu(x)` the mean path, z the whole sampled path. Noise
    depends on the seed and the image's position only: all perturbations of an image share it.

    Args:
        model: the autoencoder, in evaluation mode.
        x, perturbed: images x and x + δ, :math:`(N, C, H, W)`.
        radius: r, a distance of images.
        draws: K.
        seed: seed of the noise.
        batch: draws decoded at once.

    Raises:
        ConfigError: no draws, or a negative radius.
        ShapeError: not one perturbed image per image.
    """
    at_least("draws", draws, 1)
    at_least("radius", radius, 0)
    x, perturbed = as_inputs(model, x), as_inputs(model, perturbed)
    if perturbed.shape != x.shape:
        got, expected = tuple(perturbed.shape), tuple(x.shape)
        raise ShapeError(f"perturbed images of shape {got}, expected {expected}: one per image")
    inside = []
    for n, centre in enumerate(reconstruct(model, x)):
        generator = generator_for(Stream.MARGIN_NOISE, seed, n)
        noise = draw_noise(model.latent_sizes, (draws, 1), generator, like=x)
        parts = zip(*(layer.split(batch) for layer in noise), strict=True)
        images = (reconstruct(model, perturbed[n : n + 1], part) for part in parts)
        distances = [image_norm(image - centre, x.ndim - 1) for image in images]
        inside.append(sum(int((distance <= radius).sum()) for distance in distances))
    return Robustness(torch.tensor(inside, dtype=torch.int64), draws)


@dataclass(frozen=True)
class Margins:
    r"""Norms of the perturbation up to which N images stay r-robust; each column :math:`(N)`.

    Args:
        probability: :math:`\hat p`, the one-sided 95 % lower bound at δ = 0.
        smallest_std: :math:`\min_i \sigma_i(x)` over the units of all layers, on the mean path.
        frobenius_norm, spectral_norm: of :math:`J_\mu(x)`, see `mean_jacobian`.
    """

    probability: Tensor
    smallest_std: Tensor
    frobenius_norm: Tensor
    spectral_norm: Tensor

    @property
    def frobenius(self) -> Tensor:
        r""":math:`\min_i\sigma_i\,\Phi^{-1}(\hat p)/\|J_\mu\|_F`, the published margin."""
        return self._over(self.frobenius_norm)

    @property
    def spectral(self) -> Tensor:
        r""":math:`\min_i\sigma_i\,\Phi^{-1}(\hat p)/\|J_\mu\|_2`, as valid and tighter."""
        return self._over(self.spectral_norm)

    def _over(self, norm: Tensor) -> Tensor:
        distance = self.smallest_std * torch.special.ndtri(self.probability)
        return torch.where(distance > 0, distance / norm, 0)  # also 0 for an encoder that ignores x


def margins(
    model: Autoencoder, x: Tensor, radius: float, *, draws: int = _FEWEST, seed: int = 0
) -> Margins:
    r"""The margin :math:`R(x) \geq \min_i\sigma_i\,\Phi^{-1}(\hat p)/\|J_\mu(x)\|`, 0 if p̂ ≤ ½.

    δ moves the latents by at most :math:`\|J_\mu\delta\|/\min_i\sigma_i` standard deviations. Of
    all sets of probability p, a half-space falls to ½ after the fewest standard deviations,
    :math:`\Phi^{-1}(p)`. The margin holds for every decoder if :math:`\mu` is affine and
    :math:`\sigma` constant. Otherwise it is a first-order margin, with J and σ on the mean path of
    x. Units and arguments: see `r_robustness`.

    Raises:
        ConfigError: fewer than 1000 draws, or a negative radius.

    Example:
        >>> from seatbelt_vae.config import ModelConfig, resolve
        >>> from seatbelt_vae.models import HierarchicalVAE
        >>> settings = ModelConfig(preset="vae", network="mlp", features=8)
        >>> model = HierarchicalVAE(resolve(settings, "dsprites", (1, 8, 8), (-1.0, 1.0)))
        >>> found = margins(model.eval(), torch.zeros(1, 1, 8, 8), radius=100.0)
        >>> bool(0 < found.frobenius < found.spectral)
        True
    """
    at_least("draws", draws, _FEWEST)
    x = as_inputs(model, x)
    found = r_robustness(model, x, x, radius, draws=draws, seed=seed)
    with torch.no_grad():
        stds = torch.cat([q.std.double() for q in model.encode(x).layers], dim=-1)
    size = max(1, _ENTRIES // (stds.shape[1] * x[0].numel()))
    jacobians = (mean_jacobian(model, part).double() for part in x.split(size))
    squares = torch.cat([torch.linalg.eigvalsh(j @ j.mT).clamp(min=0) for j in jacobians])
    probability = clopper_pearson(found.inside, draws, _ERROR).to(stds)
    return Margins(probability, stds.amin(1), squares.sum(1).sqrt(), squares[:, -1].sqrt())


def mean_jacobian(model: Autoencoder, x: Tensor) -> Tensor:
    r"""Jacobian of the means of all layers at fixed codes, :math:`(N, \sum_i d_i, CHW)`.

    Row block i is :math:`\partial\mu^i(z^{i-1},x)/\partial x` at fixed :math:`z^{i-1}`, on the mean
    path; in a top-down model at fixed codes of the layers above. Moving x acts like moving the
    noise of :math:`z^i` by this amount over :math:`\sigma_i`. The total derivative would count the
    layers that are computed before twice; if the two contributions cancel, the
    margin would be too large.
    """
    with torch.enable_grad():
        x = x.detach().clone().requires_grad_()
        posterior = model.encode(x)
        noise = [torch.zeros_like(z) for z in posterior.z]
        order = list(range(len(noise)))
        if capabilities_of(model).top_down:
            order.reverse()
        for i in order[:-1]:  # choose ε so that z stays fixed while the mean moves
            q = posterior.layers[i]
            noise[i] = (q.mean.detach() - q.mean) / q.std.detach()
            posterior = model.encode(x, noise)
        sums = torch.cat([q.mean for q in posterior.layers], dim=-1).sum(0)
        rows = [torch.autograd.grad(unit, x, retain_graph=True)[0] for unit in sums]
    return torch.stack(rows, dim=1).flatten(2)
