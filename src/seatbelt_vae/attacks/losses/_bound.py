"""The base class of attack losses, and a loss bound to a model and a batch of pairs."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor

from seatbelt_vae.attacks.losses._paths import Path, Walker
from seatbelt_vae.errors import ConfigError
from seatbelt_vae.protocol import Autoencoder, capabilities_of

__all__ = ["BoundLoss", "Codes", "Loss", "Parts", "zero_floor"]

Parts = Callable[[Tensor, Tensor], Tensor]
"""Maps inputs (R, *event) and the pair of each, (R), to parts (R, K) whose sum is the loss r."""


Codes = Callable[[Tensor, Tensor], tuple[Tensor, ...]]
"""Maps inputs (R, *event) and the pair of each, (R), to codes per layer, (R, d) or (K, R, d)."""

# a smoothed part differs from the part by at most this share of its value at d = 0
_SMOOTHING = 0.1


@dataclass(frozen=True)
class BoundLoss:
    r"""A divergence r as a sum of parts; an attack minimises the sum.

    Args:
        parts: maps inputs :math:`(R, *\text{event})` and the pair of each, :math:`(R)`, to parts
            :math:`(R, K)` whose sum is r.
        floor: a lower bound of r per pair, :math:`(P)`, float64; None if r has none, as in
            untargeted attacks.
        coarse: the parts in a form that approaches a minimum faster: under a single noise draw,
            or smoothed at a kink; None if r is neither an average over draws nor kinked.
        averaged: whether r is an average over noise draws.
        kinked: see `Loss.kinked`.
        codes: maps inputs and the pair of each to the codes of every layer, to choose start points
            that move them; None if there are no such start points.
    """

    parts: Parts
    floor: Tensor | None
    coarse: Parts | None = None
    averaged: bool = False
    kinked: bool = False
    codes: Codes | None = None


@dataclass(frozen=True)
class Loss(ABC):
    """The objective of an attack, without the cost of the distortion.

    A subclass implements `parts`, and `lower_bound` if that of a targeted loss is not 0. Each loss
    of the package is one file in this folder, named after the loss, with a function
    ``loss(config, layers)``, whose layers count from 1, and a ``DECLARATION`` of the settings that
    apply to it, see `seatbelt_vae.config.loss_files`.

    Args:
        path: path to the layers above the first, see `Path`.
        draws: number K of noise draws of the noisy paths, averaged.
    """

    targeted: ClassVar[bool] = True
    """Whether the loss leads to the target, not away from the input."""

    needs: ClassVar[tuple[str, ...]] = ()
    """Names of the `Capabilities` that the loss requires."""

    path: Path = field(default="mean", kw_only=True)
    draws: int = field(default=8, kw_only=True)

    @property
    def kinked(self) -> bool:
        """Whether parts are norms that are 0 at the target, where their gradient jumps."""
        return False

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
        r"""Bind to inputs and targets :math:`(P, *\text{event})`, with one generator per pair.

        Raises:
            ConfigError: the model lacks a required capability.
        """
        lacking = [name for name in self.needs if not getattr(capabilities_of(model), name)]
        if lacking:
            raise ConfigError(
                f"{type(self).__name__} needs the model's {', '.join(lacking)}, which "
                f"{type(model).__name__} lacks: use output-l2 or damage-reconstruction"
            )
        walker = Walker(model, self.path, self.draws, x, generators)
        first = walker.first_draw()
        parts = self.parts(walker, x, target)
        coarse = None if first is None else self.parts(first, x, target)
        if self.kinked and walker.repeatable:
            coarse = _smoothed(coarse or parts, x)
        return BoundLoss(
            parts,
            self.lower_bound(model, x, target),
            coarse,
            averaged=first is not None,
            kinked=self.kinked,
            codes=(lambda inputs, pairs: walker.encode(inputs, pairs).z),
        )


def _smoothed(parts: Parts, x: Tensor) -> Parts:
    r"""The parts p as :math:`\sqrt{p^2 + s^2}`, with s a share of p at the inputs :math:`x`."""
    with torch.no_grad():
        scale = _SMOOTHING * parts(x, torch.arange(len(x), device=x.device))
    return lambda inputs, pairs: torch.hypot(parts(inputs, pairs), scale[pairs])


def zero_floor(x: Tensor) -> Tensor:
    """The floor 0 for each pair of ``x``."""
    return torch.zeros(len(x), dtype=torch.float64, device=x.device)
