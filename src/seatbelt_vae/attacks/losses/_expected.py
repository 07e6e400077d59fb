"""The mean of a loss over several models, such as one defence with several draws of its noise."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from seatbelt_vae.attacks.losses._bound import BoundLoss, Loss, Parts
from seatbelt_vae.attacks.losses._paths import Walker
from seatbelt_vae.protocol import Autoencoder

__all__ = ["ExpectedLoss"]


@dataclass(frozen=True)
class ExpectedLoss(Loss):
    """The mean of a loss over models ("expectation over transformations").

    Args:
        loss: the loss.
        models: the models; the one that the attack binds to is replaced by them.

    Source: Athalye et al. (2018), "Synthesizing robust adversarial examples".
    """

    loss: Loss
    models: tuple[Autoencoder, ...]

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
        """The mean of the losses bound to each model."""
        del model
        bound = [self.loss.bind(each, x, target, generators) for each in self.models]

        def mean(images: Tensor, pairs: Tensor) -> Tensor:
            return torch.stack([each.parts(images, pairs) for each in bound]).mean(0)

        return replace(bound[0], parts=mean, coarse=None)
