"""Which images are attacked: random disjoint pairs of held-out images, the same for every model."""

import hashlib

import numpy as np

from seatbelt_vae.data import ImageData
from seatbelt_vae.errors import DataError

__all__ = ["choose_pairs"]

_AT_ONCE = 256


def choose_pairs(data: ImageData, count: int, seed: int) -> list[tuple[int, int]]:
    """Positions (input, target) in the test split; no image, by its pixels, is used twice.

    Sets such as dSprites hold the same picture under several labels; those count as one image.

    Raises:
        DataError: the test split has too few different images.
    """
    order = np.random.Generator(np.random.Philox(seed)).permutation(len(data.test))
    chosen: list[int] = []
    seen: set[bytes] = set()
    for start in range(0, len(order), _AT_ONCE):
        positions = order[start : start + _AT_ONCE]
        for position, image in zip(positions, data.test.batch(positions), strict=True):
            pixels = hashlib.sha256(image.contiguous().numpy()).digest()
            if pixels not in seen:
                seen.add(pixels)
                chosen.append(int(position))
            if len(chosen) == 2 * count:
                return list(zip(chosen[::2], chosen[1::2], strict=True))
    raise DataError(
        f"the test split of {data.name!r} has {len(seen)} different images, expected at least "
        f"{2 * count} for {count} pairs: ask for fewer pairs"
    )
