"""Balls of distortions around each input of a batch, and gradient ascent in them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from seatbelt_vae.protocol import Bounds

__all__ = ["NormBall", "ascend"]

_LEAST = 1e-12


@dataclass(frozen=True)
class NormBall:
    r"""Distortions :math:`\|\delta\| \leq r`, with one radius per input.

    Args:
        norm: the norm.
        radius: r, of shape :math:`(B, 1, …)`, which broadcasts to the inputs.

    Example:
        >>> ball = NormBall.of("l2", torch.tensor([5.0]), like=torch.zeros(1, 2))
        >>> ball.projected(torch.tensor([[6.0, 8.0]]))
        tensor([[3., 4.]])
    """

    norm: Literal["l2", "linf"]
    radius: Tensor

    @classmethod
    def of(cls, norm: Literal["l2", "linf"], radius: Tensor, like: Tensor) -> "NormBall":
        """The balls of radii :math:`(B)` around inputs such as ``like``."""
        return cls(norm, radius.to(like).view(-1, *(1,) * (like.ndim - 1)))

    def steepest(self, slope: Tensor) -> Tensor:
        """The distortion with the largest inner product with a gradient."""
        if self.norm == "l2":
            return slope * (self.radius / _length(slope))
        return slope.sign() * self.radius

    def projected(self, delta: Tensor) -> Tensor:
        """The closest distortion in the ball."""
        if self.norm == "l2":
            return delta * (self.radius / _length(delta)).clamp(max=1)
        return torch.minimum(torch.maximum(delta, -self.radius), self.radius)


def ascend(
    damage: Callable[[Tensor], Tensor],
    x: Tensor,
    start: Tensor,
    ball: NormBall,
    bounds: Bounds,
    *,
    steps: int,
    length: float,
) -> Tensor:
    r"""Inputs within :math:`\|\delta\| \leq r` of :math:`x`, and the bounds, that raise the damage.

    Each step moves by ``length`` times r along the normalised gradient for ``l2`` and along its
    sign for ``linf``. Clipping to the bounds keeps the radius, because x is inside them.
    Source: Madry et al. (2018).

    Args:
        damage: maps inputs :math:`(B, \text{event})` to damages :math:`(B)`.
        x: the inputs.
        start: inputs to start from, :math:`(B, \text{event})`.
        ball: the ball of each input.
        bounds: bounds of inputs.
        steps: number of steps.
        length: length of a step, a share of the radius.
    """
    moved = start
    for _ in range(steps):
        moved = moved.detach().requires_grad_(True)
        (slope,) = torch.autograd.grad(damage(moved).sum(), moved)
        delta = moved.detach() - x + ball.steepest(slope) * length
        moved = bounds.clamp(x + ball.projected(delta))
    return moved.detach()


def _length(rows: Tensor) -> Tensor:
    events = tuple(range(1, rows.ndim))
    length: Tensor = torch.linalg.vector_norm(rows, dim=events, keepdim=True)
    return length.clamp_min(_LEAST)
