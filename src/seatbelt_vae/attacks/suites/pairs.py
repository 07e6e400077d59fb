"""Which images are attacked: random disjoint pairs of held-out images, the same for every model."""

import hashlib
from collections.abc import Iterator, Mapping
from itertools import islice
from types import MappingProxyType

import numpy as np

from seatbelt_vae.config.checks import perhaps
from seatbelt_vae.data import ImageData
from seatbelt_vae.errors import DataError
from seatbelt_vae.randomness import DataStream

__all__ = ["choose_pairs"]

_AT_ONCE = 256
_ANY: Mapping[str, str] = MappingProxyType({})


def choose_pairs(
    data: ImageData,
    count: int,
    seed: int,
    vary: str | None = None,
    among: Mapping[str, str] = _ANY,
) -> list[tuple[int, int]]:
    """Positions (input, target) in the test split; no image, by its pixels, is used twice.

    Sets such as dSprites hold the same picture under several labels; those count as one image.

    Args:
        data: whose test split.
        count: how many pairs.
        seed: of the order in which images are looked at.
        vary: a factor of the set; input and target then differ in it and in no other.
        among: factors of the set and the value both have, its name or its number.

    Raises:
        DataError: the test split has too few different images or pairs, or the set has no such
            factor or value.
    """
    held = dict(_held(data, name, value) for name, value in among.items())
    positions = _different(data, seed, held)
    found = _neighbours(positions) if vary is None else _differing_in(data, positions, vary)
    pairs = list(islice(found, count))
    if len(pairs) < count:
        raise DataError(
            f"the test split of {data.name!r} has {_available(len(pairs), vary, among)}, "
            f"expected {count}: ask for fewer pairs"
        )
    return pairs


def _available(pairs: int, vary: str | None, among: Mapping[str, str]) -> str:
    kind = "different images" if vary is None else f"images that differ in {vary} only"
    held = "".join(f", {name} {value}" for name, value in among.items())
    return f"{pairs} disjoint pairs of {kind}{held}"


def _different(data: ImageData, seed: int, held: Mapping[int, int]) -> Iterator[int]:
    """Positions in random order of images whose factors have the values held, each picture once."""
    order = DataStream.ATTACKED_PAIRS.generator(seed).permutation(len(data.test))
    seen: set[bytes] = set()
    for start in range(0, len(order), _AT_ONCE):
        positions = order[start : start + _AT_ONCE]
        if held:
            factors = data.test.factors(positions)[:, list(held)]
            positions = positions[(factors == list(held.values())).all(axis=1)]
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
    column = _column(data, vary, "vary")
    waiting: dict[tuple[int, ...], int] = {}
    for position in positions:
        factors = data.test.factors(np.array([position]))[0]
        others = tuple(np.delete(factors, column).tolist())
        first = waiting.pop(others, None)
        if first is None:
            waiting[others] = position
        else:
            yield first, position


def _column(data: ImageData, name: str, setting: str) -> int:
    """Which of the set's factors has the name that a setting gives."""
    names = [factor.name for factor in data.factors]
    if name not in names:
        raise DataError(
            f"{data.name!r} has no factor {name!r}: {perhaps(name, names)}"
            if names
            else f"{data.name!r} has no known factors: leave {setting} out"
        )
    return names.index(name)


def _held(data: ImageData, name: str, value: str) -> tuple[int, int]:
    """A factor's column, and the number of its value, which is given by name or number."""
    column = _column(data, name, "among")
    factor = data.factors[column]
    if value in factor.values:
        return column, factor.values.index(value)
    if value.isdecimal() and int(value) < factor.size:
        return column, int(value)
    expected = perhaps(value, factor.values) if factor.values else f"expected 0…{factor.size - 1}"
    raise DataError(f"{data.name!r} has no {name} {value!r}: {expected}")
