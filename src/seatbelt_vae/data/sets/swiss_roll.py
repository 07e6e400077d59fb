"""The Swiss roll in the plane, to plot a whole aggregate posterior (paper, figure A.7)."""

import numpy as np
from numpy.typing import NDArray

from seatbelt_vae.config import DataConfig
from seatbelt_vae.data.dataset import Factor, ImageData, Indices, random_split
from seatbelt_vae.data.source import Source
from seatbelt_vae.randomness import DataStream

__all__ = ["SOURCES", "load", "state"]

SOURCES = {
    "swiss-roll": Source(
        "10,000 points on a rolled curve in the plane; use --network mlp",
        "generated",
        __name__,
        resizable=False,
        options=frozenset(),
        licence="generated, nobody's",
    ),
}

_VERSION = 1
_COUNT = 10_000
_NOISE = 0.02
_TURNS = 1.5


def load(config: DataConfig) -> ImageData:
    r"""10,000 points :math:`t(\cos t, \sin t)`, :math:`t \in [\tfrac{3}{2}\pi, \tfrac{9}{2}\pi]`.

    Points are scaled to [-1, 1] with Gaussian noise of standard deviation 0.02, and shaped as
    images of 1 × 1 × 2 for models with network ``mlp``. The factor is t in 100 bins.
    """
    generator = DataStream.SWISS_ROLL.generator()
    share = generator.random(_COUNT)
    t = np.pi * _TURNS * (1 + 2 * share)
    points = np.stack([np.cos(t), np.sin(t)], axis=1) * (t / t.max())[:, None] * (1 - 4 * _NOISE)
    points += _NOISE * generator.standard_normal(points.shape)
    pixels: NDArray[np.float32] = points.clip(-1, 1).astype(np.float32).reshape(-1, 1, 1, 2)
    bins = (100 * share).astype(np.int64)[:, None]

    def read(indices: Indices) -> NDArray[np.float32]:
        return pixels[indices]

    def factors_of(indices: Indices) -> NDArray[np.int64]:
        return bins[indices]

    train, test = random_split(_COUNT, read, factors_of, config.images)
    factors = (Factor("angle", 100),)
    # no digest of the points, whose last bits may differ between machines
    digest = f"generated {_VERSION}"
    return ImageData("swiss-roll", (-1.0, 1.0), (1, 1, 2), train, test, factors, digest=digest)


def state(_config: DataConfig) -> str:
    """Always ready: the set is generated on every load."""
    return "ready"
