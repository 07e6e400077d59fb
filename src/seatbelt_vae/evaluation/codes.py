"""Rows of the top layer's codes of test images, for drawings of the aggregate posterior."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from seatbelt_vae.config import EvaluationConfig
from seatbelt_vae.data import ImageData
from seatbelt_vae.errors import DataError
from seatbelt_vae.protocol import Autoencoder, draw_noise
from seatbelt_vae.randomness import Stream, generator_for

__all__ = ["FEW_PIXELS", "check_columns", "code_rows"]

Indices = NDArray[np.int64]

FEW_PIXELS = 64
"""Largest number of values of an input that is stored in its row, such as a point of a plane."""

_COLUMNS = ("image", "mean", "code", "pixels", "reconstruction")


def check_columns(data: ImageData) -> None:
    """Raise a `DataError` if a factor of the set has the name of another column."""
    for factor in data.factors:
        if factor.name in _COLUMNS:
            raise DataError(
                f"{data.name!r} has a factor {factor.name!r}, the name of a column of the codes: "
                f"rename it, or leave codes out"
            )


@torch.no_grad()
def code_rows(
    model: Autoencoder,
    data: ImageData,
    positions: Indices,
    settings: EvaluationConfig,
    on_progress: Callable[[str, int, int], None] | None = None,
) -> list[dict[str, Any]]:
    r"""One row per test image: its factors, and :math:`z^L` as mean and as one draw.

    ``mean`` is that of :math:`q(z^L|z^{L-1}, x)` on the mean path, ``code`` a draw
    :math:`z^L \sim q(z|x)` through the whole chain. Images of at most `FEW_PIXELS` values have
    ``pixels`` and ``reconstruction`` too, the decoder's mean image for that draw of the chain.

    Args:
        model: the autoencoder, in evaluation mode.
        data: the data set; images of its test split are encoded.
        positions: positions of the images in the test split.
        settings: seed, batch.
        on_progress: called with the stage, the images done, and the images in all.

    Raises:
        DataError: a factor has the name of another column.

    Source: Willetts et al. (2021), figure A.7.
    """
    check_columns(data)
    rows = []
    for first in range(0, len(positions), settings.batch_size):
        chosen = positions[first : first + settings.batch_size]
        x = data.test.batch(chosen)
        generator = generator_for(Stream.CODE_NOISE, settings.seed, first)
        noise = draw_noise(model.latent_sizes, (len(x),), generator, like=x)
        drawn = model.encode(x, noise).z
        columns = {
            "image": chosen.tolist(),
            **_factors(data, chosen),
            "mean": model.encode(x).z[-1].tolist(),
            "code": drawn[-1].tolist(),
        }
        if x[0].numel() <= FEW_PIXELS:
            columns["pixels"] = x.flatten(1).tolist()
            columns["reconstruction"] = model.decode(drawn).mean.flatten(1).tolist()
        rows += [
            dict(zip(columns, values, strict=True))
            for values in zip(*columns.values(), strict=True)
        ]
        if on_progress is not None:
            on_progress("codes", first + len(x), len(positions))
    return rows


def _factors(data: ImageData, positions: Indices) -> dict[str, list[int]]:
    if not data.factors:
        return {}
    values = data.test.factors(positions)
    return {factor.name: values[:, column].tolist() for column, factor in enumerate(data.factors)}
