"""Random disjoint pairs of held-out images to attack, the same for every model."""

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
    """Positions (input, target) in the test split; no image is used twice.

    Images with equal pixels count as one: dSprites has the same picture under several labels.

    Args:
        data: the data set.
        count: number of pairs.
        seed: seed of the order of the images.
        vary: the only factor in which input and target differ.
        among: fixed factors and their values, each the name or the number of a value.

    Raises:
        DataError: too few different images or pairs, or an unknown factor or value.
    """
    held = dict(_held(data, name, value) for name, value in among.items())
    positions = _different(data, seed, held)
    consecutive = zip(positions, positions, strict=False)
    candidates = consecutive if vary is None else _differing_in(data, positions, vary)
    pairs = list(islice(candidates, count))
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
    """Positions, in random order, of different images with the values of the fixed factors."""
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


def _differing_in(
    data: ImageData, positions: Iterator[int], vary: str
) -> Iterator[tuple[int, int]]:
    """Pairs of positions that differ in the factor ``vary`` only."""
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
    """The column of the factor that a setting names."""
    names = [factor.name for factor in data.factors]
    if name not in names:
        raise DataError(
            f"{data.name!r} has no factor {name!r}: {perhaps(name, names)}"
            if names
            else f"{data.name!r} has no known factors: leave {setting} out"
        )
    return names.index(name)


def _held(data: ImageData, name: str, value: str) -> tuple[int, int]:
    """The column of a factor, and the number of its value, from the value's name or number."""
    column = _column(data, name, "among")
    factor = data.factors[column]
    if value in factor.values:
        return column, factor.values.index(value)
    if value.isdecimal() and int(value) < factor.size:
        return column, int(value)
    expected = perhaps(value, factor.values) if factor.values else f"expected 0…{factor.size - 1}"
    raise DataError(f"{data.name!r} has no {name} {value!r}: {expected}")
