"""Paths through the posterior chain: along the means, or along noise draws."""

from collections.abc import Sequence
from copy import copy
from typing import Literal

import torch
from torch import Tensor

from seatbelt_vae.protocol import Autoencoder, Noise, Posterior, draw_noise

__all__ = ["Path", "Walker", "mean_over_draws"]

Path = Literal["mean", "common", "sampled"]
"""How layers above the first are reached.

``mean`` feeds posterior means upward. ``common`` fixes K noise draws per pair, shared by its
attacked inputs and its target. ``sampled`` draws anew at every evaluation, for both sides.
"""


class Walker:
    """Encodes inputs of several pairs along one path.

    Args:
        model: the autoencoder.
        path: how layers above the first are reached.
        draws: noise draws K of the noisy paths.
        like: an input, whose precision and device the noise takes.
        generators: one per pair; a pair's noise depends on its own generator only.
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
        """The same walk with its first draw only; None if it has one draw or none."""
        if self.path != "common" or self.draws == 1 or self._fixed is None:
            return None
        first = copy(self)
        first.draws, first._fixed = 1, [layer[:1] for layer in self._fixed]
        return first

    @property
    def repeatable(self) -> bool:
        """Whether equal inputs give equal posteriors."""
        return self.path != "sampled"

    def noise(self, pairs: Tensor) -> Noise | None:
        """The noise of inputs that belong to ``pairs``; None along the means."""
        if self.path == "mean":
            return None
        if self._fixed is None:
            return self._drawn(pairs)
        return [layer[:, pairs] for layer in self._fixed]

    def encode(self, images: Tensor, pairs: Tensor) -> Posterior:
        r"""The posteriors of inputs :math:`(R, *\text{event})`, each of its pair, :math:`(R)`."""
        return self.model.encode(images, self.noise(pairs))

    def _drawn(self, pairs: Tensor) -> Noise:
        """Noise :math:`(K, R, d_i)` for rows of the pairs :math:`(R)`, each from its own pair."""
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
    """Average over leading draws; the last dimension is the row."""
    return values.reshape(-1, values.shape[-1]).mean(0)
