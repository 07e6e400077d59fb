"""Total correlation and mutual information of the aggregate posterior of a training split."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from seatbelt_vae.config import EvaluationConfig
from seatbelt_vae.data import Split
from seatbelt_vae.evaluation.chains import BLOCK, Chains, draw_queries
from seatbelt_vae.evaluation.measures.latents import is_saturated
from seatbelt_vae.objectives import AggregatePosterior
from seatbelt_vae.protocol import Autoencoder
from seatbelt_vae.randomness import DataStream

__all__ = ["affordable_chains", "measure_aggregate"]

Progress = Callable[[str, int, int], None]
Indices = NDArray[np.int64]

_DENSITIES = 4e10


def affordable_chains(
    images: int, queries: int, units: int, most: int, densities: float = _DENSITIES
) -> int:
    """Chains per image that bound the cost of a bracket: at least 8, at most ``most``.

    A chain costs images × queries × (units + 1) densities. Fewer chains give a wider bracket, never
    a wrong one.

    Example:
        >>> affordable_chains(1000, 1000, 6, most=512), affordable_chains(10**6, 1000, 6, most=512)
        (512, 8)
    """
    return min(most, max(BLOCK, int(densities / (images * queries * (units + 1)))))


@torch.no_grad()
def measure_aggregate(
    model: Autoencoder,
    train: Split,
    settings: EvaluationConfig,
    on_progress: Progress | None = None,
) -> dict[str, Any]:
    r"""TC and mutual information of the top layer under :math:`q(z^L)` over training images.

    With one layer both are exact over the images used, up to the average over queries
    :math:`z \sim q(z)`. With more layers each is a bracket, see `AggregatePosterior`.

    Args:
        model: the autoencoder, in evaluation mode.
        train: the training split; ``settings.aggregate_images`` images are used, 0 is all.
        settings: images, queries, chains, seed, batch.
        on_progress: called with the stage, the encodings done, and their largest number.

    Returns:
        ``total_correlation`` and ``mutual_information``, each with ``lower``, ``upper`` and the
        Monte Carlo ``error`` of both (nats), ``chains``, ``images`` and ``queries``, and
        ``saturated``, see `is_saturated`.
    """
    order = DataStream.AGGREGATE_IMAGES.generator(settings.seed).permutation(len(train))
    positions: Indices = order[: settings.aggregate_images or len(train)]
    chosen = np.arange(settings.aggregate_queries) % len(positions)
    queries, conditionals = draw_queries(model, train, positions[chosen], settings)
    exact = len(model.latent_sizes) == 1
    chains = affordable_chains(
        len(positions), len(queries), model.latent_sizes[-1], settings.max_chains
    )
    components = Chains(
        model,
        train,
        positions,
        settings,
        1 if exact else chains,
        None if on_progress is None else lambda *done: on_progress("aggregate posterior", *done),
    )
    posterior = AggregatePosterior(components, len(positions), exact)
    found = posterior.measure(queries, conditionals, torch.from_numpy(chosen), chains)
    shared = {"images": found.images, "queries": found.queries}
    information = asdict(found.mutual_information) | shared
    shared["saturated"] = is_saturated(information)
    return {
        "total_correlation": asdict(found.total_correlation) | shared,
        "mutual_information": information | shared,
    }
