"""Squared norms of the Jacobians of the encoder and of the reconstruction, by exact gradients."""

from abc import abstractmethod
from collections.abc import Mapping

import torch
from torch import Tensor

from seatbelt_vae.objectives.batch_moments import batch_moments
from seatbelt_vae.objectives.inner_attack import reconstruction
from seatbelt_vae.objectives.penalty import PenaltyInput, PenaltyLoss
from seatbelt_vae.protocol import Autoencoder
from seatbelt_vae.randomness import Stream, generator_for

__all__ = ["EncoderJacobian", "ReconstructionJacobian"]

_LEAST = 1e-12


class _Jacobian(PenaltyLoss):
    """A norm at each image, of the networks with the batch's moments, in the weights' precision."""

    def __call__(self, given: PenaltyInput) -> tuple[Tensor, Mapping[str, Tensor]]:
        """The mean over images of the squared norm."""
        x = given.x.detach().requires_grad_(True)
        with (
            torch.enable_grad(),
            batch_moments(given.model, self.setup.workers),
            torch.autocast(x.device.type, enabled=False),
        ):
            self.map(given.model, given.x.detach())  # the moments, without a slope in the images
            slope = self.slope(given, x, self.map(given.model, x))
        return slope.flatten(1).square().sum(1).mean(), {}

    @abstractmethod
    def map(self, model: Autoencoder, x: Tensor) -> Tensor:
        """The map whose Jacobian it is, from images."""

    @abstractmethod
    def slope(self, given: PenaltyInput, x: Tensor, mapped: Tensor) -> Tensor:
        """The product of the transposed Jacobian and a vector for each image, in its shape."""

    def draws(self, given: PenaltyInput, *shape: int) -> Tensor:
        """Standard normal draws for the rows of this worker, out of those of the whole batch."""
        workers, rows = self.setup.workers, len(given.x)
        draws = generator_for(Stream.JACOBIAN_VECTORS, given.seed, given.step or 0)
        whole = torch.randn(rows * workers.size, *shape, generator=draws)
        return whole[workers.rows(rows * workers.size)].to(given.x)


class EncoderJacobian(_Jacobian):
    r""":math:`\|J_\mu\|_F^2 = E_v \|J_\mu^\top v\|^2`, with one random vector of signs per image.

    :math:`\mu` is the mean code, of all layers along the mean path. The estimate is unbiased.

    Source: Hutchinson (1990) for the estimate; Camuto et al. (2021) for the penalty on a VAE.
    """

    def map(self, model: Autoencoder, x: Tensor) -> Tensor:
        """The mean codes of all layers, :math:`(B, \\sum_i d_i)`."""
        return torch.cat(model.encode(x).z, dim=-1)

    def slope(self, given: PenaltyInput, x: Tensor, mapped: Tensor) -> Tensor:
        """The product with the signs."""
        signs = self.draws(given, mapped.shape[1]).sign()
        (slope,) = torch.autograd.grad((mapped * signs).sum(), x, create_graph=True)
        return slope


class ReconstructionJacobian(_Jacobian):
    r""":math:`\sigma_{max}(J_R)^2`, the largest local gain of the reconstruction, squared.

    .. math:: \|J_R^\top w\|^2, \qquad w \propto (J_R J_R^\top)^k w_0

    with k power iterations from a random :math:`w_0`. It is a lower bound, exact in the limit.

    Source: Sun et al. (2020) for the penalty.
    """

    def map(self, model: Autoencoder, x: Tensor) -> Tensor:
        """The reconstruction."""
        return reconstruction(model, x)

    def slope(self, given: PenaltyInput, x: Tensor, mapped: Tensor) -> Tensor:
        """The product with the vector after the power iterations."""
        w = _unit(self.draws(given, *x.shape[1:]))
        for _ in range(self.setup.config.jacobian_iterations):
            w.requires_grad_(True)
            (back,) = torch.autograd.grad(mapped, x, w, create_graph=True)
            # back is linear in w: its derivative along u is J u
            (forward,) = torch.autograd.grad(back, w, _unit(back.detach()), retain_graph=True)
            w = _unit(forward)
        (slope,) = torch.autograd.grad(mapped, x, w, create_graph=True)
        return slope


def _unit(rows: Tensor) -> Tensor:
    dims = tuple(range(1, rows.ndim))
    length: Tensor = torch.linalg.vector_norm(rows, dim=dims, keepdim=True)
    return rows / length.clamp_min(_LEAST)
