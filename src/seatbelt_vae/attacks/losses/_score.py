"""A user's score, moved across a threshold."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from seatbelt_vae.attacks.losses._bound import Loss, Parts
from seatbelt_vae.attacks.losses._paths import Walker
from seatbelt_vae.errors import ShapeError
from seatbelt_vae.protocol import Autoencoder

__all__ = ["ScoreLoss"]


@dataclass(frozen=True)
class ScoreLoss(Loss):
    r"""Untargeted attack on a score: :math:`r = \pm(s(x^*) - t)`, + for inputs above t.

    The score, such as an anomaly score, is on the other side of the threshold where r < 0. In the
    units of the score, without a floor; as smooth as the score.

    Args:
        score: maps the model and inputs :math:`(B, *\text{event})` to scores :math:`(B)`; it goes
            through the model it is given, so that a defence around it is attacked as well.
        threshold: t.

    Raises:
        ShapeError: scores of another shape.

    Example:
        >>> def error(model, x):
        ...     return (model.decode(model.encode(x).z).mean - x).square().flatten(1).sum(1)
        >>> loss = ScoreLoss(error, threshold=18.1)
    """

    targeted: ClassVar = False

    score: Callable[[Autoencoder, Tensor], Tensor]
    threshold: float

    def parts(self, walker: Walker, x: Tensor, target: Tensor) -> Parts:
        """The signed distance from the threshold as one part."""
        del target
        with torch.no_grad():
            sign = torch.where(self._scores(walker, x) > self.threshold, 1.0, -1.0).to(x)

        def parts(inputs: Tensor, pairs: Tensor) -> Tensor:
            return (sign[pairs] * (self._scores(walker, inputs) - self.threshold))[:, None]

        return parts

    def _scores(self, walker: Walker, x: Tensor) -> Tensor:
        scores = self.score(walker.model, x)
        if scores.shape != (len(x),):
            raise ShapeError(
                f"the score function returned shape {tuple(scores.shape)} for {len(x)} inputs, "
                f"expected ({len(x)},)"
            )
        return scores
