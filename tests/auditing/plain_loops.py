"""Attacks that a person writes in twenty lines: Adam, and projected gradient descent."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from seatbelt_vae.protocol import Autoencoder, Bounds, bounds_of, units_of

Loss = Callable[[Tensor], Tensor]
Projection = Callable[[Tensor], Tensor]


def adam_loop(loss: Loss, x: Tensor, size: Tensor, project: Projection, steps: int) -> Tensor:
    r"""The smallest loss of each row over ``steps`` evaluations of Adam.

    Args:
        loss: maps images :math:`(R, \text{event})` to losses :math:`(R)`.
        x: start points.
        size: typical size of a coordinate of the distortion; it broadcasts to ``x``.
        project: maps images into the budget and the bounds.
        steps: gradient evaluations.
    """
    u = torch.zeros_like(x, requires_grad=True)
    optimizer = torch.optim.Adam([u], lr=0.1)
    best = x.new_full((len(x),), torch.inf)
    for _ in range(steps):
        images = project(x + size * u)
        optimizer.zero_grad()
        found = loss(images)
        found.sum().backward()
        optimizer.step()
        best = torch.minimum(best, found.detach().nan_to_num(torch.inf))
        with torch.no_grad():
            u.copy_(torch.where(size > 0, (project(x + size * u) - x) / size, 0.0))
    return best


def pgd_loop(loss: Loss, x: Tensor, step: Projection, project: Projection, steps: int) -> Tensor:
    """The same for projected gradient descent; ``step`` maps gradients to steps."""
    point, best = x.clone(), x.new_full((len(x),), torch.inf)
    for _ in range(steps):
        point.requires_grad_(True)
        found = loss(point)
        (gradient,) = torch.autograd.grad(found.sum(), point)
        best = torch.minimum(best, found.detach().nan_to_num(torch.inf))
        with torch.no_grad():
            point = project(point - step(gradient))
    return best


@dataclass(frozen=True)
class PlainBudget:
    r"""The images within a budget: L2 relative to :math:`\|x_t - x\|`, or a box.

    Args:
        x: inputs.
        bounds: smallest and largest values.
        radius: the L2 budget, which broadcasts to ``x``; None for a box.
        size: half the side of the box, or the radius over the square root of the dimension.
    """

    x: Tensor
    bounds: Bounds
    radius: Tensor | None
    size: Tensor

    @classmethod
    def of(
        cls, model: Autoencoder, x: Tensor, target: Tensor, threat: str, epsilon: float
    ) -> "PlainBudget":
        """The budget of a threat in its unit."""
        bounds = bounds_of(model)
        if threat == "l2":
            radius = epsilon * _length(target - x)
            return cls(x, bounds, radius, radius / x[0].numel() ** 0.5)
        unit = torch.as_tensor(bounds.span) if threat == "linf" else units_of(model)
        assert unit is not None
        return cls(x, bounds, None, epsilon * unit.float())

    def project(self, images: Tensor) -> Tensor:
        """The images moved into the budget, then into the bounds."""
        d = images - self.x
        if self.radius is None:
            return self.bounds.clamp(self.x + torch.clamp(d, -self.size, self.size))
        return self.bounds.clamp(self.x + d * (self.radius / _length(d)).clamp(max=1))

    def steepest(self, gradient: Tensor) -> Tensor:
        """The ascent direction as large as the budget."""
        if self.radius is None:
            return gradient.sign() * self.size
        return gradient / _length(gradient) * self.radius


def _length(d: Tensor) -> Tensor:
    """The L2 norm of each row, which broadcasts to it."""
    return d.flatten(1).norm(dim=1).clamp_min(1e-30).view(-1, *[1] * (d.ndim - 1))
