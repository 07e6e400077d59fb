"""How the posterior chains of attacked and target images are walked: by means, or by noise."""

from collections.abc import Callable, Sequence
from copy import copy
from typing import Literal

import torch
from torch import Tensor

from seatbelt_vae.attacks.losses.bound import BoundLoss, Parts
from seatbelt_vae.protocol import Autoencoder, Noise, Posterior, draw_noise

__all__ = ["Path", "Walker", "bound_loss", "mean_over_draws"]

Path = Literal["mean", "common", "sampled"]
"""How layers above the first are reached.

``mean`` feeds posterior means upward; ``common`` fixes K noise draws a pair, shared by its attacked
images and its target; ``sampled`` draws afresh at every evaluation, for both sides.
"""


class Walker:
    """Encodes images of several pairs along one path.

    Args:
        model: the autoencoder.
        path: how layers above the first are reached.
        draws: noise draws K of the noisy paths.
        like: an image, whose precision and device the noise takes.
        generators: one a pair; all that is random of a pair depends on its own.
    """

    def __init__(
        self,
        model: Autoencoder,
        path: Path,
        draws: int,
        like: Tensor,
        generators: Sequence[torch.Generator],
    ) -> None:
        self.model, self.path, self.draws, self.like = model, path, draws, like
        self.generators = generators
        every = torch.arange(len(generators))
        self._fixed: Noise | None = self._drawn(every) if path == "common" else None

    def first_draw(self) -> "Walker | None":
        """The same walk with the first of its draws only; None if it has no others."""
        if self.path != "common" or self.draws == 1 or self._fixed is None:
            return None
        first = copy(self)
        first.draws, first._fixed = 1, [layer[:1] for layer in self._fixed]
        return first

    @property
    def repeatable(self) -> bool:
        """Whether the same image gives the same posterior twice."""
        return self.path != "sampled"

    def noise(self, pairs: Tensor) -> Noise | None:
        """What the chains of images that belong to ``pairs`` are fed."""
        if self.path == "mean":
            return None
        if self._fixed is None:
            return self._drawn(pairs)
        return [layer[:, pairs] for layer in self._fixed]

    def encode(self, images: Tensor, pairs: Tensor) -> Posterior:
        """The posteriors of images :math:`(R, C, H, W)`, each of its pair, :math:`(R)`."""
        return self.model.encode(images, self.noise(pairs))

    def _drawn(self, pairs: Tensor) -> Noise:
        """Noise for rows of the pairs :math:`(R)`, each from its pair's own source, (K, R, d_i)."""
        sizes, like = self.model.latent_sizes, self.like
        noise = [like.new_empty(self.draws, len(pairs), size) for size in sizes]
        for pair in pairs.unique().tolist():
            rows = pairs == pair
            shape = (self.draws, int(rows.sum()))
            own = draw_noise(sizes, shape, self.generators[pair], like=like)
            for layer, drawn in zip(noise, own, strict=True):
                layer[:, rows] = drawn
        return noise


def mean_over_draws(values: Tensor) -> Tensor:
    """Average over any leading draws; the last dimension is the image."""
    return values.reshape(-1, values.shape[-1]).mean(0)


def bound_loss(
    walker: Walker, parts_of: Callable[[Walker], Parts], floor: Tensor | None
) -> BoundLoss:
    """A bound loss with its coarse form, given what makes parts of a walk."""
    first = walker.first_draw()
    return BoundLoss(parts_of(walker), floor, None if first is None else parts_of(first))
