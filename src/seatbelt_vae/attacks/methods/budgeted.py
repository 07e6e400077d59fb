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
        x, target: one input and its target, of the model's event shape.
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
    distance = _mean_distance_to(draws or (model,), target)

    def fun(points: Tensor, _: Tensor) -> tuple[Tensor, Tensor]:
        value, gradient = with_gradient(distance, points.view(-1, *x.shape))
        return value, gradient.flatten(1)

    low, high = bounds_of(model).flat(event_shape_of(model))
    radius = torch.tensor(budgets, dtype=x.dtype, device=x.device)
    region = RegionOptions(lower=low, upper=high, center=x.flatten(), radius=radius)
    if annealed:
        points = minimize_by_pgd(
            fun, points, **region, max_evaluations=annealed, annealed=True, micro_batch=micro_batch
        ).x
    found = minimize(fun, points, **region, max_evaluations=evaluations, micro_batch=micro_batch)
    return found.x.view_as(starts)


def _mean_distance_to(models: Sequence[Autoencoder], target: Tensor) -> Callable[[Tensor], Tensor]:
    """The mean over models of the squared distance of reconstructions to the target's."""
    distances = [_distance_to(model, target) for model in models]
    return lambda images: torch.stack([each(images) for each in distances]).mean(0)


def _distance_to(model: Autoencoder, target: Tensor) -> Callable[[Tensor], Tensor]:
    """The squared distance of reconstructions :math:`(B, *)` to the target's, :math:`(B)`."""
    with torch.no_grad():
        reference = model.decode(model.encode(target[None]).z).mean[0]

    def distance(images: Tensor) -> Tensor:
        reconstruction = model.decode(model.encode(images).z).mean
        return (reconstruction - reference).square().flatten(1).sum(1)

    return distance
