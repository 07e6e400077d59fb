"""Random and worst-case distortions of images within a norm ball and the bounds of the inputs."""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

from seatbelt_vae.protocol import Bounds

__all__ = ["ascend", "random_start", "within"]

Norm = Literal["l2", "linf"]

_START = 0.5
_REACH = 2.5


def ascend(
    damage: Callable[[Tensor], Tensor],
    x: Tensor,
    start: Tensor,
    radius: Tensor,
    norm: Norm,
    bounds: Bounds,
    steps: int,
) -> Tensor:
    r"""Inputs within :math:`\|\delta\| \leq r` of :math:`x` that raise the damage.

    Each step moves by :math:`2.5\,r/\text{steps}`, at most r, along the normalised gradient for
    ``l2`` and along its sign for ``linf``. Source: Madry et al. (2018).

    Args:
        damage: maps inputs :math:`(B, \text{event})` to damages :math:`(B)`.
        x: the inputs.
        start: inputs to start from.
        radius: r of each input, :math:`(B)`.
        norm: norm of the distortion.
        bounds: bounds of inputs.
        steps: number of steps.
    """
    length = min(1.0, _REACH / steps) * _column(radius, x)
    found = start
    for _ in range(steps):
        found = found.detach().requires_grad_(True)
        (gradient,) = torch.autograd.grad(damage(found).sum(), found)
        direction = gradient.sign() if norm == "linf" else _unit(gradient)
        found = within(x, found.detach() + length * direction, radius, norm, bounds)
    return found


def random_start(
    x: Tensor, radius: Tensor, norm: Norm, bounds: Bounds, generator: torch.Generator
) -> Tensor:
    """Inputs at a random distortion of half the radius."""
    noise = torch.randn(x.shape, generator=generator).to(x)
    noise = noise.sign() if norm == "linf" else _unit(noise)
    return within(x, x + _START * _column(radius, x) * noise, radius, norm, bounds)


def within(x: Tensor, moved: Tensor, radius: Tensor, norm: Norm, bounds: Bounds) -> Tensor:
    r"""Moved inputs, scaled (``l2``) or clipped (``linf``) to the radius, then to the bounds.

    Clipping to the bounds keeps the radius, because x is inside them.
    """
    limit, distortion = _column(radius, x), moved - x
    if norm == "linf":
        distortion = torch.minimum(torch.maximum(distortion, -limit), limit)
    else:
        size = _column(distortion.flatten(1).norm(dim=1), x)
        distortion = distortion * (limit / size.clamp_min(torch.finfo(x.dtype).tiny)).clamp(max=1)
    return bounds.clamp(x + distortion)


def _unit(values: Tensor) -> Tensor:
    return torch.nn.functional.normalize(values.flatten(1), dim=1).view_as(values)


def _column(values: Tensor, like: Tensor) -> Tensor:
    return values.view(-1, *[1] * (like.ndim - 1))
