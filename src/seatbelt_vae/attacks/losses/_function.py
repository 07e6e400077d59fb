"""A custom loss, defined by a function."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from seatbelt_vae.attacks.losses._bound import Loss, Parts, zero_floor
from seatbelt_vae.attacks.losses._paths import Walker, mean_over_draws
from seatbelt_vae.errors import ShapeError
from seatbelt_vae.protocol import Autoencoder, Noise

__all__ = ["FunctionLoss"]

Function = Callable[[Autoencoder, Tensor, Tensor, Noise | None], Tensor]


@dataclass(frozen=True)
class FunctionLoss(Loss):
    r"""A custom loss: ``function(model, images, targets, noise)``, one value per input.

    Args:
        function: maps the model, inputs :math:`(R, *\text{event})`, their targets and the noise of
            the path (None on the mean path) to :math:`(R)`, or to :math:`(K, R)`, which is
            averaged over draws.
        floor: a lower bound of the function; None if it has none.

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

    def lower_bound(self, model: Autoencoder, x: Tensor, target: Tensor) -> Tensor | None:
        """The floor of the function, for each pair."""
        del model, target
        return None if self.floor is None else zero_floor(x) + self.floor

    def parts(self, walker: Walker, x: Tensor, target: Tensor) -> Parts:
        """The function's values as one part."""
        del x

        def parts(inputs: Tensor, pairs: Tensor) -> Tensor:
            value = self.function(walker.model, inputs, target[pairs], walker.noise(pairs))
            if value.ndim not in (1, 2) or value.shape[-1] != len(inputs):
                raise ShapeError(
                    f"the loss function returned shape {tuple(value.shape)} for {len(inputs)} "
                    f"images, expected ({len(inputs)},) or (draws, {len(inputs)})"
                )
            return mean_over_draws(value)[:, None]

        return parts
