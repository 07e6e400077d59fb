r"""Attacks within a hard budget: how close to the target's a reconstruction can be brought.

The penalty λ‖d‖ jumps over most budgets, and a divergence of latents is not what is seen. Here
:math:`\|\mathrm{rec}(x^*) - \mathrm{rec}(x_t)\|` itself is lowered inside the ball
:math:`\|d\| \leq \varepsilon` and the box.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from seatbelt_vae.optim import minimize
from seatbelt_vae.protocol import Autoencoder

__all__ = ["budgeted_attack"]


def budgeted_attack(
    model: Autoencoder,
    x: Tensor,
    target: Tensor,
    budgets: Sequence[float],
    starts: Tensor,
    *,
    evaluations: int = 100,
    micro_batch: int = 64,
) -> Tensor:
    r"""Lower :math:`\|\mathrm{rec}(x^*)-\mathrm{rec}(x_t)\|` with :math:`\|x^*-x\|\leq\varepsilon`.

    On the mean path, by `minimize` in the ball and the box.

    Args:
        model: the autoencoder, in evaluation mode.
        x, target: images :math:`(C, H, W)`.
        budgets: ε of each row, in the pixels' own units, :math:`(R)`.
        starts: where each row begins, :math:`(R, C, H, W)`; projected first.
        evaluations: most gradient evaluations of a row.
        micro_batch: rows evaluated at once.

    Returns:
        The best point of every row, :math:`(R, C, H, W)`, inside ball and box.
    """
    with torch.no_grad():
        aimed = model.decode(model.encode(target[None]).z).mean[0]

    def distance(points: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        del rows
        with torch.enable_grad():
            images = points.view(-1, *x.shape).detach().requires_grad_()
            value = (model.decode(model.encode(images).z).mean - aimed).square().sum((1, 2, 3))
            (gradient,) = torch.autograd.grad(value.sum(), images)
        return value.detach(), gradient.flatten(1)

    found = minimize(
        distance,
        starts.flatten(1),
        *model.bounds,
        center=x.flatten().expand(len(starts), -1),
        radius=torch.tensor(budgets, dtype=x.dtype, device=x.device),
        max_evaluations=evaluations,
        micro_batch=micro_batch,
    )
    return found.x.view_as(starts)
