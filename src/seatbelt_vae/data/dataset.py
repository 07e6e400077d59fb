"""What a data set is to the rest of the package: two splits that give batches by position."""

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from seatbelt_vae.errors import DataError
from seatbelt_vae.randomness import DataStream

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Factor", "ImageData", "Indices", "Split", "random_split"]

Indices = NDArray[np.int64]

_TEST_SHARE = 0.1


@dataclass(frozen=True)
class Factor:
    """A known factor of variation.

    Args:
        name: what varies.
        size: how many values it takes.
        values: what they are called, if they have names.
    """

    name: str
    size: int
    values: tuple[str, ...] = ()

    @classmethod
    def named(cls, name: str, values: Iterable[str]) -> "Factor":
        """One whose values have names.

        Example:
            >>> Factor.named("class", ["ant", "bee"])
            Factor(name='class', size=2, values=('ant', 'bee'))
        """
        names = tuple(values)
        return cls(name, len(names), names)


@dataclass(frozen=True)
class Split:
    """Some examples of a data set, in a fixed order.

    Args:
        indices: which examples of the whole set, :math:`(N)`.
        read: maps indices into the whole set to images :math:`(B, C, H, W)`, float32 in bounds.
        factors_of: maps them to factor values :math:`(B, F)`.
    """

    indices: Indices
    read: Callable[[Indices], NDArray[np.float32]]
    factors_of: Callable[[Indices], NDArray[np.int64]] | None = None

    def __len__(self) -> int:
        return len(self.indices)

    def batch(self, positions: Indices) -> "Tensor":
        """Images at positions in this split, :math:`(B, C, H, W)`, float32 inside the bounds."""
        import torch

        return torch.from_numpy(self.read(self.indices[positions]))

    def factors(self, positions: Indices) -> NDArray[np.int64]:
        """Factor values at positions in this split, :math:`(B, F)`.

        Raises:
            DataError: the set has no known factors.
        """
        if self.factors_of is None:
            raise DataError(
                "this data set has no known factors: choose one that has, e.g. dsprites"
            )
        return self.factors_of(self.indices[positions])


@dataclass(frozen=True)
class ImageData:
    """A data set.

    Args:
        name: its name in the registry.
        bounds: smallest and largest value a pixel can take.
        image_shape: (C, H, W).
        train: what models are trained on.
        test: held out; likelihoods and attacks are measured here.
        factors: known factors of variation, in the order of `Split.factors`.
        notes: what its loader took for granted or left out, for the user to know.
        credits: whom its images are owed to and on what terms, a line a source.
        digest: another one as soon as any image is, such as that of the cache it is read from.
    """

    name: str
    bounds: tuple[float, float]
    image_shape: tuple[int, int, int]
    train: Split
    test: Split
    factors: tuple[Factor, ...] = ()
    notes: tuple[str, ...] = ()
    credits: tuple[str, ...] = ()
    digest: str = ""

    @property
    def identity(self) -> str:
        """A short text, another one as soon as any image is; where the files lie is no part of it.

        Of a set that states no digest it tells kind, shape, bounds and counts only.

        Example:
            >>> from seatbelt_vae.data import load
            >>> load("swiss-roll").identity == load("swiss-roll", images=9).identity
            False
        """
        counts = len(self.train), len(self.test)
        stated = json.dumps([self.digest, self.image_shape, self.bounds, counts])
        kind = self.name.partition(":")[0]
        return f"{kind}-{hashlib.sha256(stated.encode()).hexdigest()[:16]}"


def random_split(
    count: int,
    read: Callable[[Indices], NDArray[np.float32]],
    factors_of: Callable[[Indices], NDArray[np.int64]] | None = None,
    images: int | None = None,
) -> tuple[Split, Split]:
    """The train and test split of a set that has none of its own.

    The last 10 % of a permutation by NumPy's Philox(0) is the test split, always the same.

    Args:
        count: size of the whole set.
        read, factors_of: see `Split`.
        images: keep only this many training images, the first of the permutation.

    Raises:
        DataError: fewer than two images, or not that many training images.
    """
    if count < 2:
        raise DataError(f"the set has {count} images: at least 2 make a training and a test split")
    order = DataStream.HELD_OUT.generator().permutation(count)
    held_out = max(1, round(_TEST_SHARE * count))
    train, test = order[:-held_out], order[-held_out:]
    if images is not None and not 1 <= images <= len(train):
        raise DataError(
            f"{images} training images asked for, the set has {len(train)}: ask for 1 to that many"
        )
    return Split(train[:images], read, factors_of), Split(test, read, factors_of)
