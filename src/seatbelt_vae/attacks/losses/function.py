"""A loss of the user's own, given as a plain function."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from seatbelt_vae.attacks.losses.bound import BoundLoss, Parts, zero_floor
from seatbelt_vae.attacks.losses.paths import Path, Walker, bound_loss, mean_over_draws
from seatbelt_vae.errors import ShapeError
from seatbelt_vae.protocol import Autoencoder, Noise

__all__ = ["FunctionLoss"]

Function = Callable[[Autoencoder, Tensor, Tensor, Noise | None], Tensor]


@dataclass(frozen=True)
class FunctionLoss:
    r"""A user's loss: ``function(model, images, targets, noise)``, one value an image.

    Args:
        function: gets the model, images :math:`(R, C, H, W)`, the targets of each, and the noise
            of the chosen path (None on the mean path), and returns :math:`(R)` or
            :math:`(K, R)`, averaged over draws.
        floor: a lower bound of the function; None if it has none.
        path: how layers above the first are reached.
        draws: noise draws K of the noisy paths.

    Raises:
        ShapeError: the function returned another shape.

    Example:
        >>> def first_unit(model, images, targets, noise):
        ...     attacked, aimed = (model.encode(v, noise).z[0] for v in (images, targets))
        ...     return (attacked - aimed)[..., 0].abs()
        >>> loss = FunctionLoss(first_unit)
    """

    function: Function
    floor: float | None = 0.0
    path: Path = "mean"
    draws: int = 8

    @property
    def targeted(self) -> bool:
        """Taken to lead to the target image."""
        return True

    def bind(
        self,
        model: Autoencoder,
        x: Tensor,
        target: Tensor,
        generators: Sequence[torch.Generator],
    ) -> BoundLoss:
        """Bind to inputs and targets :math:`(P, C, H, W)`."""
        walker = Walker(model, self.path, self.draws, x, generators)
        floor = None if self.floor is None else zero_floor(x) + self.floor
        return bound_loss(walker, lambda walk: self._parts(walk, target), floor)

    def _parts(self, walker: Walker, target: Tensor) -> Parts:
        def parts(images: Tensor, pairs: Tensor) -> Tensor:
            value = self.function(walker.model, images, target[pairs], walker.noise(pairs))
            if value.ndim not in (1, 2) or value.shape[-1] != len(images):
                raise ShapeError(
                    f"the loss function returned shape {tuple(value.shape)} for {len(images)} "
                    f"images, expected ({len(images)},) or (draws, {len(images)})"
                )
            return mean_over_draws(value)[:, None]

        return parts
