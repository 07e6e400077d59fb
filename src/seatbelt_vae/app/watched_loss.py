"""A loss that records its evaluations, so that an attack is seen while it runs, and can stop it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import torch
from torch import Tensor

from seatbelt_vae.attacks.losses import BoundLoss, Loss, Parts
from seatbelt_vae.attacks.losses._paths import Walker
from seatbelt_vae.protocol import Autoencoder

__all__ = ["Watch", "WatchedLoss"]


class Watch(Protocol):
    """The observer of an attack; an exception of its methods ends the attack."""

    def before(self, rows: int) -> None:
        """Called before each evaluation of a number of inputs."""
        ...

    def after(self, images: Tensor, values: Tensor) -> None:
        """Called with inputs :math:`(R, *)` and their losses :math:`(R)`, without gradient."""
        ...


@dataclass(frozen=True)
class WatchedLoss(Loss):
    """A loss whose values are those of another, reported to a watch.

    Values of other models, such as the one behind a defence, are not reported.

    Args:
        loss: the loss.
        watch: the observer.
        kind: the type of the attacked model.
    """

    loss: Loss
    watch: Watch
    kind: type

    def __post_init__(self) -> None:
        # the base class declares them per class
        object.__setattr__(self, "targeted", self.loss.targeted)
        object.__setattr__(self, "needs", self.loss.needs)

    def parts(self, walker: Walker, x: Tensor, target: Tensor) -> Parts:
        """The parts of the loss."""
        return self.loss.parts(walker, x, target)

    def bind(
        self,
        model: Autoencoder,
        x: Tensor,
        target: Tensor,
        generators: Sequence[torch.Generator],
    ) -> BoundLoss:
        """The bound loss, whose evaluations are reported."""
        bound = self.loss.bind(model, x, target, generators)
        coarse = None if bound.coarse is None else self._guarded(bound.coarse)
        parts = self._guarded(bound.parts, reported=isinstance(model, self.kind))
        return replace(bound, parts=parts, coarse=coarse)

    def _guarded(self, parts: Parts, *, reported: bool = False) -> Parts:
        def guarded(images: Tensor, pairs: Tensor) -> Tensor:
            self.watch.before(len(images))
            found = parts(images, pairs)
            if reported:
                with torch.no_grad():
                    self.watch.after(images.detach(), found.detach().double().sum(-1))
            return found

        return guarded
