"""A loss bound to a model and a batch of pairs, ready to be evaluated."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from seatbelt_vae.protocol import Autoencoder

__all__ = ["BoundLoss", "Loss", "Parts", "zero_floor"]

Parts = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class BoundLoss:
    r"""Parts of a divergence r; an attack lowers their sum.

    Args:
        parts: maps images :math:`(R, C, H, W)` and the pair each belongs to, :math:`(R)`, to
            parts :math:`(R, K)` whose sum is r.
        floor: a lower bound of r for each pair, :math:`(P)`, float64; None if r has none, as in
            untargeted attacks.
        coarse: the same at less cost, from one noise draw, to come near a minimum with; None
            where r is no average over draws.
    """

    parts: Parts
    floor: Tensor | None
    coarse: Parts | None = None


class Loss(Protocol):
    """What an attack lowers besides the size of the distortion."""

    @property
    def targeted(self) -> bool:
        """Whether it leads to the target image; else away from the input."""
        ...

    def bind(
        self,
        model: Autoencoder,
        x: Tensor,
        target: Tensor,
        generators: Sequence[torch.Generator],
    ) -> BoundLoss:
        """Bind to inputs and targets :math:`(P, C, H, W)`, with a source of noise for each."""
        ...


def zero_floor(x: Tensor) -> Tensor:
    """The floor of a divergence, for each pair of ``x``."""
    return torch.zeros(len(x), dtype=torch.float64, device=x.device)
