r"""The mutual information gap, large if one latent unit encodes each factor (Chen et al. 2018).

.. math::
    \mathrm{MIG} = \frac1K \sum_k \frac{I(z_{(1)}; v_k) - I(z_{(2)}; v_k)}{H(v_k)}

:math:`z_{(1)}` and :math:`z_{(2)}` are the units of the top layer with the largest and the second
largest mutual information with factor :math:`v_k`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seatbelt_vae.config import EvaluationConfig
from seatbelt_vae.data import ImageData
from seatbelt_vae.distributions import Normal
from seatbelt_vae.errors import DataError
from seatbelt_vae.evaluation.chains import BLOCK, Chains, draw_queries
from seatbelt_vae.evaluation.information import MutualInformation, Queries, mutual_information
from seatbelt_vae.protocol import Autoencoder
from seatbelt_vae.randomness import DataStream

__all__ = ["FactorGap", "check_factors", "gaps", "measure_mig"]

Progress = Callable[[str, int, int], None]
Indices = NDArray[np.int64]


@dataclass(frozen=True)
class FactorGap:
    r"""The gap of one factor, with entropy and mutual information in nats.

    Args:
        factor: its name.
        mig: :math:`(I(z_{(1)}; v) - I(z_{(2)}; v)) / H(v)`.
        mig_lower, mig_upper: bounds that enclose it in expectation; equal to it with one layer.
        entropy: :math:`H(v)`.
        best_unit, second_unit: the units with the largest and second largest mutual information;
            None without a second unit.
        mi_best, mi_second: :math:`I(z_{(1)}; v)`, :math:`I(z_{(2)}; v)`; 0 without a second unit.
    """

    factor: str
    mig: float
    mig_lower: float
    mig_upper: float
    entropy: float
    best_unit: int
    second_unit: int | None
    mi_best: float
    mi_second: float


def check_factors(data: ImageData) -> None:
    """Raise a `DataError` unless some known factor of the set varies."""
    if not any(factor.size > 1 for factor in data.factors):
        raise DataError(
            f"{data.name!r} has no known factor that varies, as the MIG needs: leave mig out, or "
            f"choose a set with factors, e.g. dsprites"
        )


@torch.no_grad()
def measure_mig(
    model: Autoencoder,
    data: ImageData,
    settings: EvaluationConfig,
    on_progress: Progress | None = None,
) -> list[FactorGap]:
    r"""The gap of each factor that varies, under :math:`q(z^L)` over training images.

    With one layer :math:`q(z_j) = \frac1N\sum_n q(z_j|x_n)` is exact over the images used, and
    only the average over queries :math:`z \sim q(z)` is sampled. With more layers
    :math:`q(z^L|x)` has no closed form: an image has eight components, one per sampled path, and
    the gap has a bracket, see `mutual_information`.

    Entropies and mutual information are estimated on the images used. On few images every value is
    too large, most for factors with many values.

    Args:
        model: the autoencoder, in evaluation mode.
        data: a set with known factors; its training split is used.
        settings: images, queries, seed, batch.
        on_progress: called with the stage, the encodings done, and the encodings in all.

    Raises:
        DataError: no factor varies over the images used.
    """
    check_factors(data)
    order = DataStream.MIG_IMAGES.generator(settings.seed).permutation(len(data.train))
    positions: Indices = order[: settings.mig_images or len(order)]
    varying = _varying(data, positions)
    exact = len(model.latent_sizes) == 1
    images = np.arange(settings.mig_queries) % len(positions)
    z, conditionals = draw_queries(model, data.train, positions[images], settings)
    queries = Queries(z, torch.from_numpy(images), None if exact else conditionals)
    paths = 1 if exact else BLOCK
    chains = Chains(
        model,
        data.train,
        positions,
        settings,
        paths,
        None if on_progress is None else lambda *now: on_progress("mutual information gap", *now),
    )
    parts = [q for path in range(paths) for _, q in chains(path)]
    components = Normal(
        torch.cat([q.mean for q in parts]), torch.cat([q.log_variance for q in parts])
    )
    found = mutual_information(queries, components, list(varying.values()))
    return gaps({name: _entropy(values) for name, values in varying.items()}, found)


def gaps(entropies: Mapping[str, float], found: MutualInformation) -> list[FactorGap]:
    """The gap of each factor.

    Args:
        entropies: of each factor by its name, nats, none of them 0.
        found: the mutual information of units and factors, factors in the same order.

    Example:
        >>> known = torch.tensor([[0.25, 1.0, 0.0]])
        >>> (gap,) = gaps({"shape": 1.5}, MutualInformation(known, known, known))
        >>> gap.mig, gap.best_unit, gap.second_unit
        (0.5, 1, 0)
    """
    rows = []
    for number, (name, entropy) in enumerate(entropies.items()):
        value, lower, upper = (part[number] for part in (found.value, found.lower, found.upper))
        best, second = [*value.argsort(descending=True).tolist(), None][:2]
        rows.append(
            FactorGap(
                factor=name,
                mig=(_of(value, best) - _of(value, second)) / entropy,
                mig_lower=(_of(lower, best) - _of(upper, second)) / entropy,
                mig_upper=(_of(upper, best) - _of(lower, second)) / entropy,
                entropy=entropy,
                best_unit=best,
                second_unit=second,
                mi_best=_of(value, best),
                mi_second=_of(value, second),
            )
        )
    return rows


def _of(known: Tensor, unit: int | None) -> float:
    """The information of a unit; 0 for a missing unit."""
    return 0.0 if unit is None else known[unit].item()


def _varying(data: ImageData, positions: Indices) -> dict[str, Tensor]:
    """The values at training images of the factors that take several values."""
    columns = torch.from_numpy(data.train.factors(positions)).T.contiguous()
    found = {
        factor.name: column
        for factor, column in zip(data.factors, columns, strict=True)
        if bool((column != column[0]).any())
    }
    if not found:
        raise DataError(
            f"no known factor of {data.name!r} varies over the images used ({len(positions)}): "
            f"use more mig_images"
        )
    return found


def _entropy(values: Tensor) -> float:
    """The entropy of a factor over the images used, nats."""
    share = values.unique(return_counts=True)[1].double() / len(values)
    return -torch.xlogy(share, share).sum().item()
