"""Ancestral chains from images up to the top layer, which aggregate posteriors are made of.

With one layer a chain is the posterior of its image. With more, the top conditional at its end is
one component of many of the image's :math:`q(z^L|x)`.
"""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from seatbelt_vae.config import EvaluationConfig
from seatbelt_vae.data import Split
from seatbelt_vae.distributions import Normal
from seatbelt_vae.protocol import Autoencoder, draw_noise
from seatbelt_vae.randomness import Stream, generator_for

__all__ = ["BLOCK", "Chains", "draw_queries"]

Indices = NDArray[np.int64]
Progress = Callable[[int, int], None]

BLOCK = 8
"""Chains that are walked at once."""


def draw_queries(
    model: Autoencoder, train: Split, positions: Indices, settings: EvaluationConfig
) -> tuple[torch.Tensor, Normal]:
    """One draw :math:`z^L` through each image's own chain, and the conditional it was drawn from.

    Independent of all `Chains`.
    """
    draws, tops = [], []
    for first in range(0, len(positions), settings.batch_size):
        x = train.batch(positions[first : first + settings.batch_size])
        generator = generator_for(Stream.QUERY_NOISE, settings.seed, first)
        posterior = model.encode(x, draw_noise(model.latent_sizes, (len(x),), generator, like=x))
        draws.append(posterior.z[-1])
        tops.append(posterior.layers[-1])
    own = Normal(torch.cat([q.mean for q in tops]), torch.cat([q.log_variance for q in tops]))
    return torch.cat(draws), own


class Chains:
    """The top conditionals of all images along numbered chains.

    A block of chains is walked at once, so that an image is read and its features are computed
    once for all of them; only the newest block is kept.

    Args:
        model: the autoencoder, in evaluation mode.
        train: the split.
        positions: which images of it.
        settings: seed, batch.
        chains: how many chains will be asked for; 1 with one layer, where all are the same.
        on_progress: called with encodings done, and of how many.
    """

    def __init__(
        self,
        model: Autoencoder,
        train: Split,
        positions: Indices,
        settings: EvaluationConfig,
        chains: int,
        on_progress: Progress | None,
    ) -> None:
        self.model, self.train, self.positions = model, train, positions
        self.settings, self.on_progress = settings, on_progress
        self.block = min(BLOCK, chains)
        self.total = len(positions) * -(-chains // self.block)
        self.walked = -1
        self.kept: list[tuple[int, Normal]] = []

    def __call__(self, chain: int) -> Iterator[tuple[int, Normal]]:
        block, place = divmod(chain, self.block)
        if block != self.walked:
            self.kept = [self._walk(block, first) for first in self._starts()]
            self.walked = block
        for first, q in self.kept:
            yield first, Normal(q.mean[place], q.log_variance[place])

    def _starts(self) -> range:
        return range(0, len(self.positions), self.settings.batch_size)

    def _walk(self, block: int, first: int) -> tuple[int, Normal]:
        x = self.train.batch(self.positions[first : first + self.settings.batch_size])
        generator = generator_for(Stream.CHAIN_NOISE, self.settings.seed, block, first)
        shape = (self.block, len(x))
        noise = draw_noise(self.model.latent_sizes, shape, generator, like=x)
        top = self.model.encode(x, noise).layers[-1]
        if self.on_progress is not None:
            done = block * len(self.positions) + first + len(x)
            self.on_progress(done, self.total)
        units = (self.block, len(x), self.model.latent_sizes[-1])
        return first, Normal(top.mean.expand(units), top.log_variance.expand(units))
