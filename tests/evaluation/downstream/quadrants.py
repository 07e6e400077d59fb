"""Images of four easy classes, and models with known attacks in closed form."""

import numpy as np
import torch
from tests.evaluation.stand_ins import LinearAutoencoder
from torch import Tensor

from seatbelt_vae.data import Factor, ImageData, Split

SIDE = 6
IMAGE = (1, SIDE, SIDE)


def quadrants(train: int = 240, test: int = 40, classes: int = 4) -> ImageData:
    """Grey noise with one bright quadrant, the class; the second factor is not visible."""
    rng = np.random.default_rng(0)
    count = train + test
    values = np.stack([np.arange(count) % classes, rng.integers(0, 2, count)], axis=1)
    images = rng.uniform(-0.6, -0.4, (count, *IMAGE)).astype(np.float32)
    for image, (label, _) in zip(images, values, strict=True):
        down, right = divmod(int(label), 2)
        image[0, 3 * down : 3 * down + 3, 3 * right : 3 * right + 3] += 1
    return ImageData(
        "quadrants",
        (-1.0, 1.0),
        IMAGE,
        Split(np.arange(train), images.__getitem__, values.__getitem__),
        Split(np.arange(train, count), images.__getitem__, values.__getitem__),
        (Factor("class", classes), Factor("coin", 2)),
    )


def linear(matrix: Tensor, std: float) -> LinearAutoencoder:
    return LinearAutoencoder(matrix, matrix.T, std, IMAGE)


def identity(std: float) -> LinearAutoencoder:
    """The identity map: q(z|x) = N(x, std² I)."""
    return linear(torch.eye(SIDE * SIDE), std)


def constant() -> LinearAutoencoder:
    """The same reconstruction for every image."""
    return linear(torch.zeros(2, SIDE * SIDE), 1.0)
