"""The smallest and the largest value of an input, for all features or per feature."""

from math import isfinite
from typing import NamedTuple

import torch
from torch import Tensor

__all__ = ["Bounds", "Limits"]

Limits = tuple[float | Tensor, float | Tensor] | None
"""The smallest and the largest value of an input, or of each channel or feature; None if none."""

_SHOWN = 4  # bounds per channel or feature in a text


class Bounds(NamedTuple):
    """The smallest and the largest value of an input, for all features or per feature.

    Args:
        low, high: numbers, or tensors that broadcast to an input; infinite for no bound.
    """

    low: float | Tensor
    high: float | Tensor

    def __str__(self) -> str:
        """Such as ``[0, 1]``, or ``[-2.1, 2.2] [-2, 2.4] [-1.8, 2.6]`` per channel."""
        low, high = torch.broadcast_tensors(*map(torch.as_tensor, self))
        ends = list(zip(low.flatten(), high.flatten(), strict=True))
        if len(ends) > _SHOWN:
            return f"[{low.min():.4g}, {high.max():.4g}], different per feature"
        return " ".join(f"[{least:.4g}, {most:.4g}]" for least, most in ends)

    @property
    def span(self) -> float:
        """The mean width :math:`hi - lo`, the unit of :math:`L_\\infty` budgets; 1 if infinite."""
        width = float((torch.as_tensor(self.high) - torch.as_tensor(self.low)).double().mean())
        return width if isfinite(width) else 1.0

    @property
    def finite(self) -> bool:
        """Whether every feature has both bounds."""
        return bool(all(torch.as_tensor(bound).isfinite().all() for bound in self))

    @classmethod
    def around(cls, *images: Tensor) -> "Bounds":
        """The range of images, a little wider than 0 if they are constant.

        Example:
            >>> Bounds.around(torch.tensor([1.0, 2.0]), torch.tensor([4.0]))
            Bounds(low=1.0, high=4.0)
        """
        low = min(float(image.min()) for image in images)
        return cls(low, max(max(float(image.max()) for image in images), low + 1e-6))

    def clamp(self, x: Tensor) -> Tensor:
        """Clip inputs :math:`(*, \\text{event})` to the bounds."""
        if isinstance(self.low, Tensor) or isinstance(self.high, Tensor):
            low, high = (torch.as_tensor(bound).to(x) for bound in self)
            return torch.minimum(torch.maximum(x, low), high)
        return x.clamp(self.low, self.high)

    def flat(self, event_shape: tuple[int, ...]) -> "Bounds":
        """The bounds of flattened inputs of a shape, numbers or one value per feature.

        Example:
            >>> Bounds(0.0, torch.tensor([[1.0], [2.0]])).flat((2, 2))
            Bounds(low=0.0, high=tensor([1., 1., 2., 2.]))
        """
        low, high = (b.expand(event_shape).flatten() if isinstance(b, Tensor) else b for b in self)
        return Bounds(low, high)
