"""Which images are attacked: random disjoint pairs of held-out images, the same for every model."""

import hashlib
from collections.abc import Iterator
from itertools import islice

import numpy as np

from seatbelt_vae.config.checks import perhaps
from seatbelt_vae.data import ImageData
from seatbelt_vae.errors import DataError

__all__ = ["choose_pairs"]

_AT_ONCE = 256


def choose_pairs(
    data: ImageData, count: int, seed: int, vary: str | None = None
) -> list[tuple[int, int]]:
    """Positions (input, target) in the test split; no image, by its pixels, is used twice.

    Sets such as dSprites hold the same picture under several labels; those count as one image.

    Args:
        data: whose test split.
        count: how many pairs.
        seed: of the order in which images are looked at.
        vary: a factor of the set; input and target then differ in it and in no other.

    Raises:
        DataError: the test split has too few different images or pairs, or the set has no such
            factor.
    """
    positions = _different(data, seed)
    found = _neighbours(positions) if vary is None else _differing_in(data, positions, vary)
    pairs = list(islice(found, count))
    if len(pairs) < count:
        raise DataError(
            f"the test split of {data.name!r} has {_available(len(pairs), vary)}, expected "
            f"{count}: ask for fewer pairs"
        )
    return pairs


def _available(pairs: int, vary: str | None) -> str:
    kind = "different images" if vary is None else f"images that differ in {vary} only"
    return f"{pairs} disjoint pairs of {kind}"


def _different(data: ImageData, seed: int) -> Iterator[int]:
    """Positions in random order, each picture once."""
    order = np.random.Generator(np.random.Philox(seed)).permutation(len(data.test))
    seen: set[bytes] = set()
    for start in range(0, len(order), _AT_ONCE):
        positions = order[start : start + _AT_ONCE]
        for position, image in zip(positions, data.test.batch(positions), strict=True):
            pixels = hashlib.sha256(image.contiguous().numpy()).digest()
            if pixels not in seen:
                seen.add(pixels)
                yield int(position)


def _neighbours(positions: Iterator[int]) -> Iterator[tuple[int, int]]:
    """Each with the one after it."""
    return zip(positions, positions, strict=False)


def _differing_in(
    data: ImageData, positions: Iterator[int], vary: str
) -> Iterator[tuple[int, int]]:
    """Each with the first later one whose other factors are the same."""
    names = [factor.name for factor in data.factors]
    if vary not in names:
        raise DataError(
            f"{data.name!r} has no factor {vary!r}: {perhaps(vary, names)}"
            if names
            else f"{data.name!r} has no known factors: leave vary out"
        )
    column = names.index(vary)
    waiting: dict[tuple[int, ...], int] = {}
    for position in positions:
        factors = data.test.factors(np.array([position]))[0]
        others = tuple(np.delete(factors, column).tolist())
        first = waiting.pop(others, None)
        if first is None:
            waiting[others] = position
        else:
            yield first, position
