r"""Attacks within a hard budget: how close to the target's a reconstruction can be brought.

The penalty λ‖d‖ jumps over most budgets, and a divergence of latents is not what is seen. Here
:math:`\|\mathrm{rec}(x^*) - \mathrm{rec}(x_t)\|` itself is lowered inside the ball
:math:`\|d\| \leq \varepsilon` and the box.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from seatbelt_vae.protocol import Autoencoder

__all__ = ["budgeted_attack", "into_ball_and_box"]

_FIRST_STEP = 0.5
_SHRINK = 0.5
_PATIENCE = 4


def budgeted_attack(
    model: Autoencoder,
    x: Tensor,
    target: Tensor,
    budgets: Sequence[float],
    starts: Tensor,
    *,
    steps: int = 100,
    micro_batch: int = 64,
) -> Tensor:
    r"""Lower :math:`\|\mathrm{rec}(x^*)-\mathrm{rec}(x_t)\|` with :math:`\|x^*-x\|\leq\varepsilon`.

    Projected steepest descent on the mean path with a step of its own for every row: half the
    budget at first, halved when a row has not improved for four steps, and then restarted from its
    best point (as in Auto-PGD, Croce and Hein 2020).

    Args:
        model: the autoencoder, in evaluation mode.
        x, target: images :math:`(C, H, W)`.
        budgets: ε of each row, in the pixels' own units, :math:`(R)`.
        starts: where each row begins, :math:`(R, C, H, W)`; projected first.
        steps: gradient evaluations of a row.
        micro_batch: rows evaluated at once.

    Returns:
        The best point of every row, :math:`(R, C, H, W)`, inside ball and box.
    """
    with torch.no_grad():
        aimed = model.decode(model.encode(target[None]).z).mean[0]
    radius = torch.tensor(budgets, dtype=x.dtype, device=x.device).view(-1, 1, 1, 1)

    def project(points: Tensor) -> Tensor:
        return into_ball_and_box(points, x, radius, model.bounds)

    def loss(images: Tensor) -> Tensor:
        return (model.decode(model.encode(images).z).mean - aimed).square().sum((1, 2, 3))

    points = best = project(starts)
    least = x.new_full((len(points),), torch.inf)
    size, stale = torch.full_like(least, _FIRST_STEP), torch.zeros_like(least)
    for _ in range(steps):
        value, gradient = _value_and_gradient(loss, points, micro_batch)
        better = value < least
        best = torch.where(_wide(better), points, best)
        least = torch.where(better, value, least)
        stale = torch.where(better, 0, stale + 1)
        stuck = stale >= _PATIENCE
        size = torch.where(stuck, size * _SHRINK, size)
        stale = torch.where(stuck, 0, stale)
        norm = gradient.flatten(1).norm(dim=1).clamp_min(torch.finfo(x.dtype).tiny)
        ahead = points - radius * _wide(size / norm) * gradient
        points = project(torch.where(_wide(stuck), best, ahead))
    return best


def into_ball_and_box(
    points: Tensor, x: Tensor, radius: Tensor, bounds: tuple[float, float]
) -> Tensor:
    r"""Points :math:`(R, C, H, W)` drawn back to :math:`\|x^*-x\| \leq` radius and into the box.

    As x is in the box, cutting at the box only shortens a distortion: both hold.
    """
    distortion = points - x
    norm = distortion.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
    share = (radius / norm.clamp_min(torch.finfo(x.dtype).tiny)).clamp(max=1)
    inside: Tensor = (x + share * distortion).clamp(*bounds)
    return inside


def _value_and_gradient(
    loss: Callable[[Tensor], Tensor], points: Tensor, micro_batch: int
) -> tuple[Tensor, Tensor]:
    values, gradients = [], []
    for chunk in torch.split(points, micro_batch):
        with torch.enable_grad():
            images = chunk.detach().requires_grad_()
            value = loss(images)
            (gradient,) = torch.autograd.grad(value.sum(), images)
        values.append(value.detach())
        gradients.append(gradient)
    return torch.cat(values), torch.cat(gradients)


def _wide(values: Tensor) -> Tensor:
    return values.view(-1, 1, 1, 1)
