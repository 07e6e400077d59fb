r"""Attacks that minimise the gap, or the KL of posteriors, where :math:`\|d\|_2 \leq \varepsilon`.

Attacks with a penalty λ‖d‖ end at few different distances. They give no tight bound on the gap
within other distances.
"""

from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import Tensor

from seatbelt_vae.attacks.gradients import with_gradient
from seatbelt_vae.attacks.prepare import as_images, cast_images, prepare_model
from seatbelt_vae.optim import minimize
from seatbelt_vae.protocol import Autoencoder, bounds_of, capabilities_of

__all__ = ["Aim", "budgeted_attack"]

Aim = Literal["reconstruction", "posterior"]


@torch.inference_mode(False)
def budgeted_attack(
    model: Autoencoder,
    x: Tensor,
    target: Tensor,
    budgets: Sequence[float],
    starts: Tensor,
    *,
    aim: Aim = "reconstruction",
    evaluations: int = 100,
    micro_batch: int = 64,
) -> Tensor:
    r"""The points whose reconstruction or posterior is closest to the target's, as :math:`(R, …)`.

    Minimises :math:`\|\mathrm{rec}(x^*)-\mathrm{rec}(x_t)\|^2` or
    :math:`\sum_i \mathrm{KL}(q(z^i|x^*)\|q(z^i|x_t))`, nats, with
    :math:`\|x^*-x\|\leq\varepsilon`, on the mean path, by `minimize` in the ball and the box.

    Args:
        model: the autoencoder, in evaluation mode.
        x, target: one input and its target, of the model's event shape.
        budgets: ε of each row, in pixel units, :math:`(R)`.
        starts: start points, :math:`(R, *\text{event})`; projected onto the ball and the box.
        aim: ``reconstruction`` or ``posterior``.
        evaluations: largest number of gradient evaluations per row.
        micro_batch: largest number of rows evaluated at once.

    Raises:
        ModelError, DataError: as for `attack`.
    """
    model = prepare_model(model)
    x, target = as_images("input", x, model), as_images("target", target, model)
    starts = cast_images("start", starts, model)
    distance = _DISTANCES[aim](model, target)

    def fun(points: Tensor, _: Tensor) -> tuple[Tensor, Tensor]:
        value, gradient = with_gradient(distance, points.view(-1, *x.shape))
        return value, gradient.flatten(1)

    found = minimize(
        fun,
        starts.flatten(1),
        *bounds_of(model).flat(),
        center=x.flatten(),
        radius=torch.tensor(budgets, dtype=x.dtype, device=x.device),
        max_evaluations=evaluations,
        micro_batch=micro_batch,
    )
    return found.x.view_as(starts)


def _from_reconstruction(model: Autoencoder, target: Tensor) -> Callable[[Tensor], Tensor]:
    with torch.no_grad():
        reference = model.decode(model.encode(target[None]).z).mean[0]
    return lambda images: (
        (model.decode(model.encode(images).z).mean - reference).square().flatten(1).sum(1)
    )


def _from_posterior(model: Autoencoder, target: Tensor) -> Callable[[Tensor], Tensor]:
    """The KL of all layers, or the squared distance of codes for a model without a posterior."""
    with torch.no_grad():
        reference = model.encode(target[None])

    def distance(inputs: Tensor) -> Tensor:
        codes = zip(model.encode(inputs).z, reference.z, strict=True)
        return torch.stack([(z - target_z).square().sum(-1) for z, target_z in codes]).sum(0)

    def divergence(inputs: Tensor) -> Tensor:
        layers = zip(model.encode(inputs).layers, reference.layers, strict=True)
        return torch.stack([attacked.kl(layer) for attacked, layer in layers]).sum(0)

    return divergence if capabilities_of(model).posterior else distance


_DISTANCES: dict[Aim, Callable[[Autoencoder, Tensor], Callable[[Tensor], Tensor]]] = {
    "reconstruction": _from_reconstruction,
    "posterior": _from_posterior,
}
