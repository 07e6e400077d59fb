r"""The linear reference of an audit: probabilistic PCA with as many components as latent units.

It is the right reference because a linear VAE becomes probabilistic PCA at its optimum (Lucas et
al. 2019), and because no singular value of its map is above 1: it amplifies no distortion. A VAE
with as many units and a smaller gap pays for its nonlinearity, not for the number of its units.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor

from seatbelt_vae.attacks.threats import Budget
from seatbelt_vae.errors import DataError
from seatbelt_vae.optim import minimize
from seatbelt_vae.protocol import Autoencoder, Bounds
from seatbelt_vae.subjects.adapters.reconstruct_only import Reconstruction

__all__ = ["LinearModel", "fit_linear_model"]

_EVALUATIONS = 500
_RELATIVE_FALL = 1e-8


@dataclass(frozen=True)
class LinearModel:
    r"""Probabilistic PCA, :math:`R(x) = \mu + U\,\mathrm{diag}(g)\,U^T(x - \mu)`, float64.

    Args:
        mean: :math:`\mu`, :math:`(n)`.
        directions: U, orthonormal columns, :math:`(n, q)`.
        gains: :math:`g_j = 1 - \sigma^2/\lambda_j`, descending, :math:`(q)`.
        noise_variance: :math:`\sigma^2`, the mean of the n − q smallest eigenvalues.
        event_shape: shape of one input.
        bounds: bounds of inputs.
    """

    mean: Tensor
    directions: Tensor
    gains: Tensor
    noise_variance: float
    event_shape: tuple[int, ...]
    bounds: Bounds

    def reconstruct(self, x: Tensor) -> Tensor:
        r"""The mean reconstruction :math:`W M^{-1} W^T (x - \mu) + \mu`, of the shape of ``x``."""
        code = (x.flatten(1).to(self.mean) - self.mean) @ self.directions
        return ((self.gains * code) @ self.directions.T + self.mean).to(x).view_as(x)

    def as_autoencoder(self) -> Autoencoder:
        """The model behind the protocol, reconstruct-only."""
        bounds = self.bounds if self.bounds.finite else None
        dtype = self.mean.dtype
        return Reconstruction(self.reconstruct, self.event_shape, bounds, dtype)

    def gaps(self, x: Tensor, target: Tensor, budget: Budget, levels: Sequence[float]) -> Tensor:
        r"""The smallest gap within each level for one pair, :math:`(W)`, float64.

        .. math:: \min_{\|d\| \leq \varepsilon} \|R(x + d) - R(x_t)\| / \|R(x) - R(x_t)\|

        with x + d inside the bounds. The square is convex, so that one descent finds its minimum.

        Args:
            x, target: inputs of the event shape.
            budget: the norm of d.
            levels: its limits ε in absolute units.
        """
        flat, aim = x.flatten().to(self.mean), target.flatten().to(self.mean)
        change = (self.gains * self.directions).T
        change = change / (change @ (flat - aim)).norm()

        def squared_gap(points: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
            del rows
            left = (points - aim) @ change.T
            return left.square().sum(1), 2 * left @ change

        inputs = flat.expand(len(levels), -1)
        limits = torch.tensor(levels, dtype=torch.float64, device=inputs.device)
        found = minimize(
            squared_gap,
            inputs,
            **budget.region(inputs, limits, self.bounds.flat(self.event_shape)),
            max_evaluations=_EVALUATIONS,
            relative_fall=_RELATIVE_FALL,
        )
        return found.value.sqrt()


def fit_linear_model(images: Tensor, units: int, bounds: Bounds) -> LinearModel:
    r"""Fit probabilistic PCA to inputs by maximum likelihood, in closed form.

    With :math:`\lambda_j` and U the eigenvalues and eigenvectors of the covariance of the data,
    :math:`\sigma^2` is the mean of :math:`\lambda_{q+1}, \dots, \lambda_n`, and
    :math:`W = U_q (\Lambda_q - \sigma^2 I)^{1/2}`.

    Args:
        images: training inputs :math:`(N, *\text{event})`.
        units: number of latent units of the model it is compared with; q is at most the rank of the
            data.
        bounds: bounds of inputs.

    Raises:
        DataError: fewer than two different inputs.

    Source: Tipping and Bishop (1999), eqs. 7 and 8.

    Example:
        >>> images = torch.randn(50, 1, 4, 4, generator=torch.Generator().manual_seed(0))
        >>> fit_linear_model(images, 3, Bounds(-5.0, 5.0)).directions.shape
        torch.Size([16, 3])
    """
    flat = images.flatten(1).double()
    mean = flat.mean(0)
    # for images, QR before the SVD takes a fifth of the time of the SVD alone
    basis, rest = torch.linalg.qr((flat - mean).T)
    _, singular, rotation = torch.linalg.svd(rest.T, full_matrices=False)
    eigenvalues = singular.square() / len(flat)
    rank = int((singular > singular[:1] * 1e-10).sum())
    if rank == 0:
        raise DataError(f"{len(flat)} inputs without any difference, expected two different ones")
    size, q = prod(images.shape[1:]), min(units, rank)
    noise = float(eigenvalues[q:].sum()) / max(size - q, 1)
    return LinearModel(
        mean,
        basis @ rotation[:q].T,
        1 - noise / eigenvalues[:q],
        noise,
        tuple(images.shape[1:]),
        bounds,
    )
