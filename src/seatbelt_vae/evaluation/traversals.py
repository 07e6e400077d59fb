r"""Latent traversals: the effect of one unit of one layer on an image.

Each layer is expressed by the residual of its prior,
:math:`e^i = (z^i - \mu_p(z^{i+1})) / \sigma_p(z^{i+1})`, :math:`e^L = z^L`. A traversal takes the
residuals of the mean path of an image, sets one :math:`e^i_j` to t, and maps them back to latents
from the top down. The layers below follow the prior and keep their residuals. Fixed layers below
would hide the effect of a unit through them; new draws from the prior would lose the image.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from seatbelt_vae.protocol import Autoencoder

__all__ = ["STEPS", "Traversals", "residuals", "traverse", "walk_down"]

STEPS = 9
_REACH = 3.0
_UNITS = 5


@dataclass(frozen=True)
class Traversals:
    r"""Pictures of traversals of U units in S steps.

    Args:
        images: :math:`(n, U, S, C, H, W)`: images × units × steps.
        layer, unit: the layer and the index of each unit, zero-based.
        value: the S residuals t, in standard deviations of the prior.
    """

    images: Tensor
    layer: Tensor
    unit: Tensor
    value: Tensor

    def tensors(self) -> dict[str, Tensor]:
        """The tensors by the names they are stored under."""
        return {
            "traversals": self.images,
            "traversal_layer": self.layer,
            "traversal_unit": self.unit,
            "traversal_value": self.value,
        }


def residuals(model: Autoencoder, z: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Difference of each layer from its prior mean, in standard deviations of the prior."""
    priors = model.prior(z)
    return tuple((zi - p.mean) / p.std for zi, p in zip(z, priors, strict=True))


def walk_down(model: Autoencoder, e: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """The latents with these residuals, from the top layer down; the inverse of `residuals`."""
    z = list(e)
    for i in reversed(range(len(z))):
        z[i] = model.prior(z)[i].sample(e[i])  # p(zⁱ|zⁱ⁺¹): layers below i do not enter
    return tuple(z)


@torch.no_grad()
def traverse(
    model: Autoencoder,
    x: Tensor,
    divergence_units: Sequence[Tensor],
    *,
    units: int = _UNITS,
    steps: int = STEPS,
) -> Traversals:
    r"""Mean images along the most active units of every layer, ±3 standard deviations of the prior.

    Args:
        model: the autoencoder, in evaluation mode.
        x: images :math:`(n, C, H, W)` to start from, on their mean paths.
        divergence_units: mean divergence of every unit, :math:`(d_i)` per layer; the largest first.
        units: largest number of units per layer.
        steps: pictures per unit.
    """
    value = torch.linspace(-_REACH, _REACH, steps)
    chosen = [
        (layer, int(unit))
        for layer, divergence in enumerate(divergence_units)
        for unit in divergence.argsort(descending=True)[:units]
    ]
    start = residuals(model, model.encode(x).z)
    rows = []
    for layer, unit in chosen:
        moved = [e.expand(steps, *e.shape).clone() for e in start]
        moved[layer][..., unit] = value.to(moved[layer])[:, None]
        rows.append(model.decode(walk_down(model, moved)).mean.transpose(0, 1))
    return Traversals(
        images=torch.stack(rows, dim=1),
        layer=torch.tensor([layer for layer, _ in chosen], dtype=torch.long),
        unit=torch.tensor([unit for _, unit in chosen], dtype=torch.long),
        value=value,
    )
