"""Codes that an attack feeds to the upper layers: posterior means, or samples of the posterior."""

from collections.abc import Sequence
from copy import copy
from typing import Literal

import torch
from torch import Tensor

from seatbelt_vae.protocol import Autoencoder, Noise, Posterior, draw_noise

__all__ = ["Path", "Walker", "mean_over_draws"]

Path = Literal["mean", "common", "sampled"]
"""The codes that layers above the first receive.

``mean``: posterior means. ``common``: samples from K fixed noise draws per pair, the same for its
attacked inputs and its target. ``sampled``: samples from fresh noise at every evaluation.
"""


class Walker:
    """Encodes inputs of several pairs along one path.

    Args:
        model: the autoencoder.
        path: the path.
        draws: number K of noise draws of the noisy paths.
        like: an input that gives the dtype and device of the noise.
        generators: one per pair; the noise of a pair depends on its generator only.
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
        pairs = torch.arange(len(generators))
        self._fixed: Noise | None = self._drawn(pairs) if path == "common" else None

    def first_draw(self) -> "Walker | None":
        """The same path with its first draw only; None if it has one draw or none."""
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
        """The noise of inputs that belong to ``pairs``; None on the mean path."""
        if self.path == "mean":
            return None
        if self._fixed is None:
            return self._drawn(pairs)
        return [layer[:, pairs] for layer in self._fixed]

    def encode(self, images: Tensor, pairs: Tensor) -> Posterior:
        r"""The posteriors of inputs :math:`(R, *\text{event})` of pairs :math:`(R)`."""
        return self.model.encode(images, self.noise(pairs))

    def _drawn(self, pairs: Tensor) -> Noise:
        """Noise :math:`(K, R, d_i)` for rows of pairs :math:`(R)`, from each pair's generator."""
        sizes, like = self.model.latent_sizes, self.like
        noise = [like.new_empty(self.draws, len(pairs), size) for size in sizes]
        for pair in pairs.unique().tolist():
            rows = pairs == pair
            shape = (self.draws, int(rows.sum()))
            drawn = draw_noise(sizes, shape, self.generators[pair], like=like)
            for layer, values in zip(noise, drawn, strict=True):
                layer[:, rows] = values
        return noise


def mean_over_draws(values: Tensor) -> Tensor:
    """Average over the leading dimensions, which are draws; the last dimension is rows."""
    return values.reshape(-1, values.shape[-1]).mean(0)
