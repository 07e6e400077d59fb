"""Arrays of several splits, such as ``x_train`` and ``x_test``, joined into one each."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from numpy.typing import NDArray

from seatbelt_vae.data.readers.stored_array import StoredArray
from seatbelt_vae.data.split_names import roles_of, split_in
from seatbelt_vae.errors import DataError

__all__ = ["Joined", "joined"]

Arrays = tuple[StoredArray, ...]


class Joined(NamedTuple):
    """Arrays with their splits joined.

    Args:
        arrays: the arrays; a joined one has the name without its split.
        train: number of training rows of each joined array, by name.
        parts: names of the arrays that each array is joined from, by name.
    """

    arrays: Arrays
    train: dict[str, int]
    parts: dict[str, tuple[str, ...]]

    def test_from(self, images: StoredArray, labels: StoredArray | None) -> int | None:
        """The first test row; None if the images are not split.

        Raises:
            DataError: labels that are split otherwise.
        """
        found = self.train.get(images.name)
        if labels is not None and self.train.get(labels.name) != found:
            raise DataError(
                f"{labels.path}: {labels.name} is not split as {images.name} is: expected one "
                f"label per image of each split"
            )
        return found


def joined(place: Path | str, arrays: Arrays) -> Joined:
    """Join each training array with the held-out array of the same name.

    Arrays of a single split are named without it. Other arrays of a split, such as a validation
    array beside a test array, are left out.

    Raises:
        DataError: two arrays of different types or axes.
    """
    stated = {array.name: split for array in arrays if (split := split_in(array.name))}
    roles = roles_of(stated)
    named = {array.name: array for array in arrays if array.name not in stated}
    parts: dict[str, tuple[str, ...]] = {name: (name,) for name in named}
    if len({split for split, _ in stated.values()}) == 1:
        alone = {stated[array.name][1]: array for array in arrays if array.name in stated}
        alone = {rest: array for rest, array in alone.items() if rest not in named}
        named |= {rest: replace(array, name=rest) for rest, array in alone.items()}
        parts |= {rest: (array.name,) for rest, array in alone.items()}
    elif not roles:
        return Joined(arrays, {}, {array.name: (array.name,) for array in arrays})
    of_role = {(roles[a.name], stated[a.name][1]): a for a in arrays if a.name in roles}
    train = {}
    for (role, rest), array in of_role.items():
        if role == "train" and ("test", rest) in of_role:
            test = of_role["test", rest]
            named[rest] = _joined(place, rest, array, test)
            parts[rest], train[rest] = (array.name, test.name), array.shape[0]
    return Joined(tuple(named.values()), train, parts)


def _joined(place: Path | str, name: str, train: StoredArray, test: StoredArray) -> StoredArray:
    texts = train.dtype.kind == test.dtype.kind and train.dtype.kind in "SU"
    if train.shape[1:] != test.shape[1:] or (train.dtype != test.dtype and not texts):
        raise DataError(
            f"{place}: {train.name} is {train.dtype} of shape {train.shape} and {test.name} is "
            f"{test.dtype} of shape {test.shape}: expected the same type and images of one shape"
        )

    def blocks() -> Iterator[NDArray[Any]]:
        yield from train.blocks()
        yield from test.blocks()

    shape = (train.shape[0] + test.shape[0], *train.shape[1:])
    return StoredArray(train.path, name, shape, train.dtype, blocks)
