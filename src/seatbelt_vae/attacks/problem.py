r"""One input-target pair as problems over λ: minimise :math:`r(x^*) + \lambda\|x^*-x\|_2`."""

from dataclasses import dataclass

import torch
from torch import Tensor

from seatbelt_vae.attacks.losses import BoundLoss, Loss
from seatbelt_vae.optim import project_direction
from seatbelt_vae.protocol import Autoencoder

__all__ = ["Problem"]


@dataclass(frozen=True)
class Problem:
    r"""The attack on one pair, with what is known of it before any descent.

    Images are rows of :math:`n = CHW` values here, since the optimiser knows no images.

    Args:
        loss: the divergence from the target, bound to it.
        x: the input, flattened, :math:`(n)`.
        target: the target, flattened, :math:`(n)`.
        image_shape: :math:`(C, H, W)`.
        bounds: the box of every pixel.
        micro_batch: rows evaluated at once.
        parts_start: parts of r at :math:`d = 0`, :math:`(P)`.
        divergence_start: :math:`r_0`, their sum.
        divergence_target: r at the target itself: 0 for latent losses on a repeatable path.
        gradient_norm: :math:`\|P(-\nabla r)\|_2` at :math:`d = 0`, P onto the box's tangent cone.
        image_distance: :math:`\|x_t - x\|_2`.
    """

    loss: BoundLoss
    x: Tensor
    target: Tensor
    image_shape: tuple[int, int, int]
    bounds: tuple[float, float]
    micro_batch: int
    parts_start: Tensor
    divergence_start: float
    divergence_target: float
    gradient_norm: float
    image_distance: float

    @classmethod
    def of(
        cls,
        model: Autoencoder,
        loss: Loss,
        x: Tensor,
        target: Tensor,
        generator: torch.Generator,
        *,
        micro_batch: int = 64,
    ) -> "Problem":
        """The problem of fooling ``model``; images ``x`` and ``target`` :math:`(C, H, W)`."""
        bound = loss.bind(model, target, generator)
        parts, gradient = _parts_and_gradient(bound, x[None])
        with torch.no_grad():
            at_target = bound.parts(target[None]).double().sum()
        flat = x.flatten()
        downhill = project_direction(-gradient.flatten(), flat, *model.bounds)
        return cls(
            loss=bound,
            x=flat,
            target=target.flatten(),
            image_shape=model.image_shape,
            bounds=model.bounds,
            micro_batch=micro_batch,
            parts_start=parts[0].double(),
            divergence_start=float(parts.double().sum()),
            divergence_target=float(at_target),
            gradient_norm=float(downhill.double().norm()),
            image_distance=float((target - x).double().norm()),
        )

    @property
    def span(self) -> float:
        r""":math:`r_0 - c`, what an attack could gain at most; the scale of tolerances."""
        return self.divergence_start - self.loss.floor

    def trivial_bound(self, weights: Tensor) -> Tensor:
        r""":math:`B(\lambda) = \min(r_0,\; r(x_t) + \lambda\|x_t-x\|)`, without any effort."""
        shown = self.divergence_target + weights * self.image_distance
        return shown.clamp(max=self.divergence_start)

    def parts(self, points: Tensor) -> Tensor:
        """Parts of r at points :math:`(R, n)`, shape :math:`(R, P)`, without gradient, float64."""
        with torch.no_grad():
            chunks = torch.split(points, self.micro_batch)
            parts = [self.loss.parts(self._images(chunk)) for chunk in chunks]
        return torch.cat(parts).double()

    def distance(self, points: Tensor) -> Tensor:
        r""":math:`\|x^* - x\|_2` of points :math:`(R, n)`, in float64."""
        distance: Tensor = (points - self.x).double().norm(dim=1)
        return distance

    def value_and_gradient(self, points: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
        r""":math:`r(x^*) + \lambda\|x^*-x\|_2` of points :math:`(R, n)`, a weight each."""
        parts, gradient = _parts_and_gradient(self.loss, self._images(points))
        distortion = points - self.x
        distance = distortion.norm(dim=1)
        # at d = 0 the norm has no gradient; 0 is a subgradient, and gradient_norm judges d = 0
        pull = (weights / distance.clamp_min(torch.finfo(distance.dtype).tiny)).to(points)
        value = parts.sum(-1) + weights.to(points) * distance
        return value, gradient.flatten(1).addcmul_(pull[:, None], distortion)

    def _images(self, points: Tensor) -> Tensor:
        return points.view(-1, *self.image_shape)


def _parts_and_gradient(loss: BoundLoss, images: Tensor) -> tuple[Tensor, Tensor]:
    with torch.enable_grad():
        images = images.detach().requires_grad_()
        parts = loss.parts(images)
        (gradient,) = torch.autograd.grad(parts.sum(), images)
    return parts.detach(), gradient
