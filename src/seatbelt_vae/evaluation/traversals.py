r"""Latent traversals: what one unit of one layer does to an image, with everything else kept.

In a hierarchy "everything else" must be said. Each layer is written by its prior's residual,
:math:`e^i = (z^i - \mu_p(z^{i+1})) / \sigma_p(z^{i+1})`, :math:`e^L = z^L`. A traversal takes the
residuals of an image's mean path, sets one :math:`e^i_j` to t, and walks down again: the layers
below follow the change as the prior says and keep what was particular to the image. Holding them
fixed instead would hide a unit whose effect runs through them (all of it under a chain
likelihood); redrawing them from the prior would lose the image.
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
    r"""Pictures of traversals, with what was traversed.

    Args:
        images: :math:`(n, U, S, C, H, W)`: images × units × steps.
        layer, unit: of each of the U units, zero-based.
        value: the S residuals t, in standard deviations of the prior.
    """

    images: Tensor
    layer: Tensor
    unit: Tensor
    value: Tensor

    def tensors(self) -> dict[str, Tensor]:
        """By name, as they are stored."""
        return {
            "traversals": self.images,
            "traversal_layer": self.layer,
            "traversal_unit": self.unit,
            "traversal_value": self.value,
        }


def residuals(model: Autoencoder, z: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """What each layer differs from its prior mean by, in standard deviations of the prior."""
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
        divergence_units: mean divergence of every unit, :math:`(d_i)` a layer; the largest first.
        units: units a layer at most.
        steps: pictures a unit.
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
