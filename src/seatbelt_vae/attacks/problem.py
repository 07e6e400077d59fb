r"""The attack on a batch of pairs: minimise :math:`r(x^*) + \text{cost}(x^* - x)` in the box.

Images are flattened to :math:`n = CHW` values for the optimiser. A *row* is one descent: a point,
the number of its pair, and its level (λ or ε).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from seatbelt_vae.attacks.gradients import (
    kept_for_backward,
    rows_within_memory,
    with_gradient,
)
from seatbelt_vae.attacks.losses import BoundLoss, Loss, Parts
from seatbelt_vae.attacks.threats import Norms, Penalty, Threat
from seatbelt_vae.errors import DataError
from seatbelt_vae.optim import project_direction
from seatbelt_vae.optim.region import region_of
from seatbelt_vae.protocol import Autoencoder, Bounds, bounds_of, event_shape_of

__all__ = ["Problem"]

_FALL = 1e-3
_NEGLIGIBLE = 2e-7
_PIXELS, _PIXELS_ON_A_GPU = 2**18, 2**22


@dataclass(frozen=True)
class Problem:
    r"""P pairs to attack, with their losses and norms at the start.

    Args:
        loss: the divergence r, bound to the pairs.
        threat: the limit on distortions.
        x: the inputs, flattened, :math:`(P, n)`.
        target: the targets, flattened; the inputs in an untargeted attack.
        event_shape: shape of one input.
        bounds: bounds of flattened inputs.
        micro_batch: number of rows per call of the model.
        parts_start: parts of r at :math:`d = 0`, :math:`(P, K)`, float64.
        divergence_target: r at the target, :math:`(P)`: 0 for latent losses on a repeatable path.
        gradient_norm: :math:`\|P(-\nabla r)\|_2` at :math:`d = 0`, P onto the box's tangent cone.
    """

    loss: BoundLoss
    threat: Threat
    x: Tensor
    target: Tensor
    event_shape: tuple[int, ...]
    bounds: Bounds
    micro_batch: int
    parts_start: Tensor
    divergence_target: Tensor
    gradient_norm: Tensor

    @classmethod
    def of(
        cls,
        model: Autoencoder,
        loss: Loss,
        x: Tensor,
        target: Tensor,
        generators: Sequence[torch.Generator],
        threat: Threat | None = None,
        micro_batch: int | None = None,
    ) -> "Problem":
        """The attack on ``model``; images :math:`(P, C, H, W)`, one generator per pair.

        Raises:
            DataError: the loss is not finite at an input.
        """
        bound = loss.bind(model, x, target, generators)
        pairs = torch.arange(len(x), device=x.device)
        with kept_for_backward(model) as kept:
            found = [_parts_and_gradient(bound.parts, x[:1], pairs[:1])]
        found += [
            _parts_and_gradient(bound.parts, x[p, None], pairs[p, None]) for p in range(1, len(x))
        ]
        parts, gradients = zip(*found, strict=True)
        parts_start = torch.cat(parts).double()
        _check_finite(parts_start)
        with torch.no_grad():
            divergence_target = bound.parts(target, pairs).double().sum(1)
        flat, bounds = x.flatten(1), bounds_of(model).flat(event_shape_of(model))
        descent = project_direction(-torch.cat(gradients).flatten(1), flat, *bounds)
        return cls(
            loss=bound,
            threat=threat or Penalty(),
            x=flat,
            target=target.flatten(1),
            event_shape=event_shape_of(model),
            bounds=bounds,
            micro_batch=micro_batch or min(_rows_at_once(flat), rows_within_memory(kept, x.device)),
            parts_start=parts_start,
            divergence_target=divergence_target,
            gradient_norm=descent.double().norm(dim=1),
        )

    @cached_property
    def divergence_start(self) -> Tensor:
        """:math:`r_0`, r at :math:`d = 0`, :math:`(P)`."""
        return self.parts_start.sum(1)

    @cached_property
    def image_norms(self) -> Norms:
        r"""Norms of :math:`x_t - x`, :math:`(P)`."""
        return Norms.of(self.target - self.x, self.threat.units)

    @cached_property
    def span(self) -> Tensor:
        r""":math:`r_0 - c`, the largest possible gain, :math:`(P)`; NaN without a floor."""
        if self.loss.floor is None:
            return torch.full_like(self.divergence_start, torch.nan)
        return self.divergence_start - self.loss.floor

    @cached_property
    def level_unit(self) -> Tensor:
        """The level with relative value 1, :math:`(P)`; see `Threat.unit`."""
        return self.threat.unit(self.span, self.image_norms, self.bounds)

    @property
    def negligible(self) -> Tensor:
        r"""Differences of :math:`\Delta` within rounding, :math:`(P)`."""
        return _NEGLIGIBLE * self.span.nan_to_num(0)

    def remaining(self, values: Tensor) -> Tensor:
        r"""Distance of :math:`\Delta` or r from the loss's floor c, :math:`(P, *)`.

        For a loss without a floor, the gain :math:`r_0 - \Delta` instead.
        """
        reference = self.divergence_start if self.loss.floor is None else self.loss.floor
        return (values - reference.view(-1, *[1] * (values.ndim - 1))).abs()

    def tolerance(self, values: Tensor) -> Tensor:
        """The smallest gain that justifies another round of descents: 10⁻³ of `remaining`."""
        wide = self.negligible.view(-1, *[1] * (values.ndim - 1))
        return _FALL * self.remaining(values) + wide

    def parts(self, points: Tensor, pairs: Tensor) -> Tensor:
        """Parts of r at points :math:`(R, n)`, shape :math:`(R, K)`, without gradient, float64."""
        size = self.micro_batch
        with torch.no_grad():
            chunks = zip(torch.split(points, size), torch.split(pairs, size), strict=True)
            parts = [self.loss.parts(self._images(chunk), of) for chunk, of in chunks]
        return torch.cat(parts).double()

    def norms(self, points: Tensor, pairs: Tensor) -> Norms:
        """Norms of the distortions of points :math:`(R, n)`."""
        return Norms.of(points - self.x[pairs], self.threat.units)

    def value_and_gradient(
        self, points: Tensor, pairs: Tensor, levels: Tensor, *, coarse: bool = False
    ) -> tuple[Tensor, Tensor]:
        r""":math:`\Delta` and its gradient at points :math:`(R, n)`, each with its pair and level.

        A budget adds no term; the region of the points enforces it. ``coarse`` uses the
        loss's coarse form, if it has one.
        """
        form = self.loss.coarse if coarse and self.loss.coarse is not None else self.loss.parts
        parts, gradient = _parts_and_gradient(form, self._images(points), pairs)
        distortion = points - self.x[pairs]
        return self.threat.add_to(parts.sum(-1), gradient.flatten(1), distortion, levels)

    def gradient(self, points: Tensor, pairs: Tensor) -> Tensor:
        """The gradient of r at points :math:`(R, n)`."""
        return _parts_and_gradient(self.loss.parts, self._images(points), pairs)[1].flatten(1)

    def blends(self, levels: Tensor) -> Tensor:
        """The point farthest from x, towards its target, within each level, :math:`(P, W, n)`."""
        norms = Norms(self.image_norms.l2[:, None], self.image_norms.linf[:, None])
        share = self.threat.share(norms, levels).to(self.x)
        blends = torch.lerp(self.x[:, None], self.target[:, None], share[..., None])
        # project, because rounding could exceed a budget
        flat, x = blends.flatten(0, 1), self.x.repeat_interleave(levels.shape[1], dim=0)
        region = region_of(flat, **self.threat.region(x, levels.flatten(), self.bounds))
        return region.project(flat).view_as(blends)

    def trivial_bound(self, levels: Tensor) -> Tensor:
        r""":math:`B = \min(\Delta(x), \Delta(\text{blend}))`, :math:`(P, W)`, without an attack.

        Under a penalty the blend is the target, and B is
        :math:`\min(r_0, r(x_t) + \lambda\|x_t - x\|)`.
        """
        if isinstance(self.threat, Penalty):
            at_blend = self.divergence_target[:, None] + self.threat.cost(
                Norms(self.image_norms.l2[:, None], self.image_norms.linf[:, None]), levels
            )
        else:
            pairs = torch.arange(len(levels), device=self.x.device)
            repeated = pairs.repeat_interleave(levels.shape[1])
            values = self.parts(self.blends(levels).flatten(0, 1), repeated).sum(1)
            at_blend = values.view_as(levels)
        return torch.minimum(at_blend, self.divergence_start[:, None])

    def _images(self, points: Tensor) -> Tensor:
        return points.view(-1, *self.event_shape)


def _rows_at_once(x: Tensor) -> int:
    """Rows that fill the caches of a core, or a GPU; depends on the image size only."""
    return max(1, (_PIXELS if x.device.type == "cpu" else _PIXELS_ON_A_GPU) // x.shape[1])


def _parts_and_gradient(form: Parts, images: Tensor, pairs: Tensor) -> tuple[Tensor, Tensor]:
    return with_gradient(lambda images: form(images, pairs), images)


def _check_finite(parts: Tensor) -> None:
    bad = (~parts.isfinite().all(1)).nonzero()[:, 0].tolist()
    if bad:
        raise DataError(
            f"the loss of input {bad[0]} itself is {parts[bad[0]].sum():g}, expected a finite "
            f"number: attack with another loss, or look at the model's output for that input"
        )
