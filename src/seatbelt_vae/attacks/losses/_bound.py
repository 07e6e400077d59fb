"""Attack losses: the one base, and a loss bound to a model and a batch of pairs."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor

from seatbelt_vae.attacks.losses._paths import Path, Walker
from seatbelt_vae.errors import ConfigError
from seatbelt_vae.protocol import Autoencoder, capabilities_of

__all__ = ["BoundLoss", "Loss", "Parts", "zero_floor"]

Parts = Callable[[Tensor, Tensor], Tensor]
"""Maps inputs (R, *event) and the pair of each, (R), to parts (R, K) whose sum is the loss r."""


@dataclass(frozen=True)
class BoundLoss:
    r"""Parts of a divergence r; an attack lowers their sum.

    Args:
        parts: maps inputs :math:`(R, *\text{event})` and the pair of each, :math:`(R)`, to parts
            :math:`(R, K)` whose sum is r.
        floor: a lower bound of r per pair, :math:`(P)`, float64; None if r has none, as in
            untargeted attacks.
        coarse: the same from one noise draw, at less cost, to approach a minimum; None where r is
            not an average over draws.
    """

    parts: Parts
    floor: Tensor | None
    coarse: Parts | None = None


@dataclass(frozen=True)
class Loss(ABC):
    """An objective of an attack besides the size of the distortion.

    A subclass implements `parts`, and `lower_bound` where a targeted loss has another than 0. A
    loss of the package is one file in this folder, named like the loss, with a function
    ``loss(config, layers)``.

    Args:
        path: how layers above the first are reached, see `Path`.
        draws: noise draws K of the noisy paths, averaged.
    """

    targeted: ClassVar[bool] = True
    """Whether the loss leads to the target; else away from the input."""

    needs: ClassVar[tuple[str, ...]] = ()
    """Names of the `Capabilities` that the loss reads."""

    path: Path = field(default="mean", kw_only=True)
    draws: int = field(default=8, kw_only=True)

    @abstractmethod
    def parts(self, walker: Walker, x: Tensor, target: Tensor) -> Parts:
        r"""The parts of r for inputs and targets :math:`(P, *\text{event})`, along ``walker``."""

    def lower_bound(self, model: Autoencoder, x: Tensor, target: Tensor) -> Tensor | None:
        """A lower bound of r per pair, :math:`(P)`, float64; None if there is none."""
        del model, target
        return zero_floor(x) if self.targeted else None

    def bind(
        self,
        model: Autoencoder,
        x: Tensor,
        target: Tensor,
        generators: Sequence[torch.Generator],
    ) -> BoundLoss:
        r"""Bind to inputs and targets :math:`(P, *\text{event})`, one source of noise per pair.

        Raises:
            ConfigError: the model lacks a capability that the loss needs.
        """
        lacking = [need for need in self.needs if not getattr(capabilities_of(model), need)]
        if lacking:
            raise ConfigError(
                f"{type(self).__name__} needs a model with a {' and a '.join(lacking)}, which "
                f"{type(model).__name__} has not: use latent-l2 or output-l2"
            )
        walker = Walker(model, self.path, self.draws, x, generators)
        first = walker.first_draw()
        return BoundLoss(
            self.parts(walker, x, target),
            self.lower_bound(model, x, target),
            None if first is None else self.parts(first, x, target),
        )


def zero_floor(x: Tensor) -> Tensor:
    """The floor 0 for each pair of ``x``."""
    return torch.zeros(len(x), dtype=torch.float64, device=x.device)
