"""The factor that is classified downstream, and pairs of images of different classes."""

import hashlib

import numpy as np
from numpy.typing import NDArray

from seatbelt_vae.config.checks import perhaps
from seatbelt_vae.data import ImageData
from seatbelt_vae.errors import ConfigError, DataError
from seatbelt_vae.randomness import DataStream

__all__ = ["choose_class_pairs", "class_factor"]

_CLASS = "class"
_AT_ONCE = 256


def class_factor(data: ImageData, wanted: str | None = None) -> int:
    """The column of the classified factor: ``wanted``, else the only one or ``class``.

    Raises:
        DataError: the set has no known factors.
        ConfigError: it has no such factor, or several factors without ``class``.
    """
    names = [factor.name for factor in data.factors]
    if not names:
        raise DataError(
            f"{data.name!r} has no known factors for classifiers to learn: leave downstream out, "
            f"or choose a set with classes, e.g. fashion-mnist"
        )
    if wanted is not None and wanted not in names:
        raise ConfigError(f"{data.name!r} has no factor {wanted!r}: {perhaps(wanted, names)}")
    if wanted is None and _CLASS not in names and len(names) > 1:
        raise ConfigError(
            f"{data.name!r} has several factors and none is called class: say which one is "
            f"classified with downstream_factor, one of {', '.join(names)}"
        )
    return names.index(wanted or _CLASS) if len(names) > 1 else 0


def choose_class_pairs(data: ImageData, column: int, count: int, seed: int) -> NDArray[np.int64]:
    """Positions (input, target) in the test split, of different classes, :math:`(P, 2)`.

    Images come in a random order, the same for every model, and each is paired with the first
    unpaired one of another class before it. No image, by its pixels, is used twice.

    Args:
        data: the set.
        column: of the factor that is the class.
        count: pairs; there are fewer where the split has no more.
        seed: seed of the order.

    Raises:
        DataError: the split has no two images of different classes.
    """
    order = DataStream.CLASS_PAIRS.generator(seed).permutation(len(data.test))
    pairs: list[tuple[int, int]] = []
    waiting: list[tuple[int, int]] = []  # all of one class
    seen: set[bytes] = set()
    for start in range(0, len(order), _AT_ONCE):
        positions = order[start : start + _AT_ONCE]
        labels = data.test.factors(positions)[:, column].tolist()
        images = data.test.batch(positions)
        for position, label, image in zip(positions.tolist(), labels, images, strict=True):
            pixels = hashlib.sha256(image.contiguous().numpy()).digest()
            if pixels in seen:
                continue
            seen.add(pixels)
            if waiting and waiting[0][1] != label:
                pairs.append((waiting.pop(0)[0], position))
            else:
                waiting.append((position, label))
            if len(pairs) == count:
                return np.array(pairs, dtype=np.int64)
    if not pairs:
        raise DataError(
            f"no two images of the test split of {data.name!r} differ in "
            f"{data.factors[column].name!r}: leave downstream out, or classify another factor"
        )
    return np.array(pairs, dtype=np.int64)
