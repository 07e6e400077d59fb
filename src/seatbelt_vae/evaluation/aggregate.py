"""The aggregate posterior of a data set's training split: its total correlation and information."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from seatbelt_vae.config import EvaluationConfig
from seatbelt_vae.data import Split
from seatbelt_vae.distributions import Normal
from seatbelt_vae.objectives import AggregatePosterior, Bracket
from seatbelt_vae.protocol import Autoencoder, draw_noise
from seatbelt_vae.randomness import generator_for

__all__ = ["affordable_chains", "measure_aggregate"]

Progress = Callable[[str, int, int], None]
Indices = NDArray[np.int64]

_CHAINS, _QUERIES = 66, 67
_BLOCK = 8
_DENSITIES = 4e10


def affordable_chains(
    images: int, queries: int, units: int, most: int, densities: float = _DENSITIES
) -> int:
    """Chains per image that keep a bracket's work bounded: at least 8, at most ``most``.

    A chain costs images × queries × (units + 1) densities; all of dSprites would take hours. Fewer
    chains give a wider bracket, never a wrong one.

    Example:
        >>> affordable_chains(1000, 1000, 6, most=512), affordable_chains(10**6, 1000, 6, most=512)
        (512, 8)
    """
    return min(most, max(_BLOCK, int(densities / (images * queries * (units + 1)))))


@torch.no_grad()
def measure_aggregate(
    model: Autoencoder,
    train: Split,
    settings: EvaluationConfig,
    on_progress: Progress | None = None,
) -> dict[str, Any]:
    r"""TC and mutual information of the top layer under :math:`q(z^L)` over training images.

    With one layer both are exact over the images used, up to the average over queries
    :math:`z \sim q(z)`; with more a bracket, see `AggregatePosterior`.

    Args:
        model: the autoencoder, in evaluation mode.
        train: the training split; ``settings.aggregate_images`` of it are used, 0 is all.
        settings: images, queries, chains, seed, batch.
        on_progress: called with what, how many encodings are done, and of how many at most.

    Returns:
        ``total_correlation`` and ``mutual_information``, each with ``lower`` and ``upper`` (nats),
        ``chains``, ``images`` and ``queries``.
    """
    order = np.random.Generator(np.random.Philox(settings.seed)).permutation(len(train))
    positions: Indices = order[: settings.aggregate_images or len(train)]
    chosen = np.arange(settings.aggregate_queries) % len(positions)
    queries, own = _draw_queries(model, train, positions[chosen], settings)
    exact = len(model.latent_sizes) == 1
    chains = affordable_chains(
        len(positions), len(queries), model.latent_sizes[-1], settings.max_chains
    )
    components = _Chains(model, train, positions, settings, 1 if exact else chains, on_progress)
    posterior = AggregatePosterior(components, len(positions), exact)
    found = posterior.measure(queries, own, torch.from_numpy(chosen), chains)

    def stated(bracket: Bracket) -> dict[str, Any]:
        return {
            "lower": bracket.lower,
            "upper": bracket.upper,
            "chains": bracket.chains,
            "images": found.images,
            "queries": found.queries,
        }

    return {
        "total_correlation": stated(found.total_correlation),
        "mutual_information": stated(found.mutual_information),
    }


def _draw_queries(
    model: Autoencoder, train: Split, positions: Indices, settings: EvaluationConfig
) -> tuple[torch.Tensor, Normal]:
    """One draw z^L through each image's own chain, and the conditional it was drawn from."""
    draws, tops = [], []
    for first in range(0, len(positions), settings.batch_size):
        x = train.batch(positions[first : first + settings.batch_size])
        generator = generator_for(settings.seed, _QUERIES, first)
        posterior = model.encode(x, draw_noise(model.latent_sizes, (len(x),), generator, like=x))
        draws.append(posterior.z[-1])
        tops.append(posterior.layers[-1])
    own = Normal(torch.cat([q.mean for q in tops]), torch.cat([q.log_variance for q in tops]))
    return torch.cat(draws), own


class _Chains:
    """The top conditionals of all images along numbered chains.

    A block of chains is walked at once, so that an image is read and its features are computed
    once for all of them; only the newest block is kept.
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
        self.block = min(_BLOCK, chains)
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
        generator = generator_for(self.settings.seed, _CHAINS, block, first)
        shape = (self.block, len(x))
        noise = draw_noise(self.model.latent_sizes, shape, generator, like=x)
        top = self.model.encode(x, noise).layers[-1]
        if self.on_progress is not None:
            done = block * len(self.positions) + first + len(x)
            self.on_progress("aggregate posterior", done, self.total)
        units = (self.block, len(x), self.model.latent_sizes[-1])
        return first, Normal(top.mean.expand(units), top.log_variance.expand(units))
