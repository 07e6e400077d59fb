r"""Attacks that minimise the distance of reconstructions where :math:`\|d\|_2 \leq \varepsilon`.

Attacks with a penalty λ‖d‖ end at few different distances. They give no tight bound on the gap
within other distances.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from seatbelt_vae.attacks.gradients import with_gradient
from seatbelt_vae.attacks.prepare import as_images, cast_images, prepare_model
from seatbelt_vae.attacks.threats import RegionOptions
from seatbelt_vae.optim import minimize, minimize_by_pgd
from seatbelt_vae.protocol import Autoencoder, bounds_of, event_shape_of

__all__ = ["budgeted_attack"]


@torch.inference_mode(False)
def budgeted_attack(
    model: Autoencoder,
    x: Tensor,
    target: Tensor,
    budgets: Sequence[float],
    starts: Tensor,
    *,
    annealed: int = 120,
    evaluations: int = 100,
    micro_batch: int = 64,
    draws: Sequence[Autoencoder] = (),
) -> Tensor:
    r"""The points whose reconstruction is closest to the target's, :math:`(R, *\text{event})`.

    Minimises :math:`\|\mathrm{rec}(x^*)-\mathrm{rec}(x_t)\|^2` with
    :math:`\|x^*-x\|\leq\varepsilon`, on the mean path, by annealed gradient steps and then by
    `minimize`, in the ball and the box.

    Args:
        model: the autoencoder, in evaluation mode.
        x, target: one input and its target, of the model's event shape, or those of each row.
        budgets: ε of each row, in pixel units, :math:`(R)`.
        starts: start points, :math:`(R, *\text{event})`; projected onto the ball and the box.
        annealed: gradient evaluations of annealed steps per row; see `minimize_by_pgd`.
        evaluations: largest number of gradient evaluations of `minimize` per row.
        micro_batch: largest number of rows evaluated at once.
        draws: models whose mean squared distance is minimised in place of the model's, such as a
            defence with other draws of its noise.

    Raises:
        ModelError, DataError: as for `attack`.
    """
    model = prepare_model(model)
    x, target = as_images("input", x, model), as_images("target", target, model)
    points = cast_images("start", starts, model).flatten(1)
    shape = event_shape_of(model)
    centers, aims = (side.expand(len(points), *shape) for side in (x, target))
    fun = _mean_distance_to(draws or (model,), aims, micro_batch)
    low, high = bounds_of(model).flat(shape)
    radius = torch.tensor(budgets, dtype=x.dtype, device=x.device)
    region = RegionOptions(lower=low, upper=high, center=centers.flatten(1), radius=radius)
    if annealed:
        points = minimize_by_pgd(
            fun, points, **region, max_evaluations=annealed, annealed=True, micro_batch=micro_batch
        ).x
    found = minimize(fun, points, **region, max_evaluations=evaluations, micro_batch=micro_batch)
    return found.x.view_as(starts)


def _mean_distance_to(
    models: Sequence[Autoencoder], targets: Tensor, batch: int
) -> Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """The mean over models of the squared distance of reconstructions to those of targets.

    The function maps points :math:`(B, n)` and row numbers :math:`(B)` to values and gradients.
    """
    distances = [_distance_to(model, targets, batch) for model in models]

    def fun(points: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        value, gradient = with_gradient(
            lambda images: torch.stack([each(rows, images) for each in distances]).mean(0),
            points.view(-1, *targets.shape[1:]),
        )
        return value, gradient.flatten(1)

    return fun


def _distance_to(
    model: Autoencoder, targets: Tensor, batch: int
) -> Callable[[Tensor, Tensor], Tensor]:
    """The squared distance of reconstructions to those of the targets of their rows."""
    with torch.no_grad():
        references = torch.cat(
            [model.decode(model.encode(part).z).mean for part in targets.split(batch)]
        )

    def distance(rows: Tensor, images: Tensor) -> Tensor:
        reconstruction = model.decode(model.encode(images).z).mean
        return (reconstruction - references[rows]).square().flatten(1).sum(1)

    return distance
