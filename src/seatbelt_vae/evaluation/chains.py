"""Ancestral chains from images to the top layer: the components of an aggregate posterior.

With one layer a chain is the posterior of its image. With more layers it ends in one top
conditional, a component of the mixture :math:`q(z^L|x)` of its image.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

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
"""Chains that are drawn at once."""


def draw_queries(
    model: Autoencoder, train: Split, positions: Indices, settings: EvaluationConfig
) -> tuple[torch.Tensor, Normal]:
    """One draw :math:`z^L` per image through a new chain, and the conditional it was drawn from.

    The draws are independent of all `Chains`.
    """
    draws, tops = [], []
    for first in range(0, len(positions), settings.batch_size):
        x = train.batch(positions[first : first + settings.batch_size])
        generator = generator_for(Stream.QUERY_NOISE, settings.seed, first)
        posterior = model.encode(x, draw_noise(model.latent_sizes, (len(x),), generator, like=x))
        draws.append(posterior.z[-1])
        tops.append(posterior.layers[-1])
    mean = torch.cat([q.mean for q in tops])
    return torch.cat(draws), Normal(mean, torch.cat([q.log_variance for q in tops]))


@dataclass
class Chains:
    """The top conditionals of all images along numbered chains.

    A block of chains is drawn at once, so that each image is read and encoded once per block. Only
    the newest block is kept.

    Args:
        model: the autoencoder, in evaluation mode.
        train: the split.
        positions: images of the split.
        settings: seed, batch.
        chains: number of chains; 1 with one layer, where all chains are equal.
        on_progress: called with encodings done and encodings in all.
    """

    model: Autoencoder
    train: Split
    positions: Indices
    settings: EvaluationConfig
    chains: int
    on_progress: Progress | None
    newest: int = field(default=-1, init=False)
    kept: list[tuple[int, Normal]] = field(default_factory=list, init=False)

    @property
    def block(self) -> int:
        """Chains per block."""
        return min(BLOCK, self.chains)

    def __call__(self, chain: int) -> Iterator[tuple[int, Normal]]:
        block, place = divmod(chain, self.block)
        if block != self.newest:
            starts = range(0, len(self.positions), self.settings.batch_size)
            self.kept = [self._draw(block, first) for first in starts]
            self.newest = block
        for first, q in self.kept:
            yield first, Normal(q.mean[place], q.log_variance[place])

    def _draw(self, block: int, first: int) -> tuple[int, Normal]:
        x = self.train.batch(self.positions[first : first + self.settings.batch_size])
        generator = generator_for(Stream.CHAIN_NOISE, self.settings.seed, block, first)
        shape = (self.block, len(x))
        noise = draw_noise(self.model.latent_sizes, shape, generator, like=x)
        top = self.model.encode(x, noise).layers[-1]
        if self.on_progress is not None:
            done = block * len(self.positions) + first + len(x)
            self.on_progress(done, len(self.positions) * -(-self.chains // self.block))
        units = (self.block, len(x), self.model.latent_sizes[-1])
        return first, Normal(top.mean.expand(units), top.log_variance.expand(units))
