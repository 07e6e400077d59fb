"""The interface of a data set: a training and a test split, which return batches by position."""

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from seatbelt_vae.errors import DataError
from seatbelt_vae.randomness import DataStream

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Factor", "ImageData", "Indices", "Split", "joined", "random_split"]

Indices = NDArray[np.int64]

Level = float | NDArray[np.float32]
"""A bound of all values, or an array of bounds that broadcasts to an input."""

_TEST_SHARE = 0.1


@dataclass(frozen=True)
class Factor:
    """A known factor of variation.

    Args:
        name: name of the factor.
        size: number of its values.
        values: names of the values, if they have any.
    """

    name: str
    size: int
    values: tuple[str, ...] = ()

    @classmethod
    def named(cls, name: str, values: Iterable[str]) -> "Factor":
        """A factor whose values have names.

        Example:
            >>> Factor.named("class", ["ant", "bee"])
            Factor(name='class', size=2, values=('ant', 'bee'))
        """
        names = tuple(values)
        return cls(name, len(names), names)


@dataclass(frozen=True)
class Split:
    """A subset of the examples of a data set, in a fixed order.

    Args:
        indices: positions of the examples in the whole set, :math:`(N)`.
        read: maps positions in the whole set to float32 images :math:`(B, C, H, W)` in bounds.
        factors_of: maps positions in the whole set to factor values :math:`(B, F)`.
        content: maps positions in the whole set to the images as they are stored, for fingerprints
            (default: ``read``).
        cut: positions that `first` has cut off, if any.
        names: names of the files of all examples of the whole set, if they are files.
    """

    indices: Indices
    read: Callable[[Indices], NDArray[np.float32]]
    factors_of: Callable[[Indices], NDArray[np.int64]] | None = None
    content: Callable[[Indices], NDArray[Any]] | None = None
    cut: Indices | None = None
    names: Sequence[str] | None = None

    def __len__(self) -> int:
        return len(self.indices)

    def first(self, images: int | None) -> "Split":
        """The first examples of this split; all if `images` is None.

        Raises:
            DataError: fewer than one example, or more than the split has.
        """
        if images is not None and not 1 <= images <= len(self):
            raise DataError(
                f"{images} training images asked for, the set has {len(self)}: ask for 1 to that "
                f"many"
            )
        if images is None:
            return self
        return replace(self, indices=self.indices[:images], cut=self.indices[images:])

    def name(self, position: int) -> str | None:
        """The name of the file of an example of this split; None if it has none."""
        return None if self.names is None else self.names[self.indices[position]]

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
        name: its name in the registry, or the reference of its function.
        bounds: smallest and largest value; infinite for vectors.
        image_shape: (C, H, W), or (n) of vectors.
        train: the training split.
        test: the held-out split, on which likelihoods and attacks are measured.
        factors: known factors of variation, in the order of `Split.factors`.
        notes: assumptions and omissions of the loader, for the user.
        credits: authors and licence, one line per source.
        digest: a digest of all images, such as that of the cache file.
    """

    name: str
    bounds: tuple[float, float]
    image_shape: tuple[int, ...]
    train: Split
    test: Split
    factors: tuple[Factor, ...] = ()
    notes: tuple[str, ...] = ()
    credits: tuple[str, ...] = ()
    digest: str = ""

    @property
    def identity(self) -> str:
        """A short identifier of the images, independent of where the files are.

        Without a digest it depends on kind, shape, bounds and counts only.

        Example:
            >>> from seatbelt_vae.data import load_data
            >>> load_data("swiss-roll").identity == load_data("swiss-roll", images=9).identity
            False
        """
        counts = len(self.train), len(self.test)
        stated = json.dumps([self.digest, self.image_shape, self.bounds, counts])
        kind, colon, _ = self.name.partition(":")
        kind = "function" if colon and kind != "hf" else kind
        return f"{kind}-{hashlib.sha256(stated.encode()).hexdigest()[:16]}"

    @property
    def channels_height_width(self) -> tuple[int, int, int]:
        """The shape of an image.

        Raises:
            DataError: the set has vectors.
        """
        if len(self.image_shape) != 3:
            raise DataError(
                f"{self.name!r} has vectors of {self.image_shape[0]} values, but models of images "
                f"are trained: give images, or attack a model of your own with this data"
            )
        channels, height, width = self.image_shape
        return channels, height, width

    def within(self, bounds: tuple[Level, Level]) -> "ImageData":
        """The same set with its values mapped from its own bounds to others; see `Level`.

        Vectors without bounds stay as they are.

        Example:
            >>> from seatbelt_vae.data import load_data
            >>> load_data("swiss-roll").within((0.0, 1.0)).bounds
            (0.0, 1.0)
        """
        (low, high), (lowest, highest) = self.bounds, (np.asarray(bound) for bound in bounds)
        same = np.array_equal(lowest, low) and np.array_equal(highest, high)
        if same or not np.isfinite(high - low):
            return self
        scale = ((highest - lowest) / (high - low)).astype(np.float32)
        least, most = lowest.astype(np.float32), highest.astype(np.float32)

        def mapped(split: Split) -> Split:
            def read(indices: Indices) -> NDArray[np.float32]:
                values = least + (split.read(indices) - np.float32(low)) * scale
                found: NDArray[np.float32] = values.clip(least, most).astype(np.float32)
                return found

            return replace(split, read=read)

        limits = float(lowest.min()), float(highest.max())
        return replace(self, bounds=limits, train=mapped(self.train), test=mapped(self.test))


def joined(first: Split, second: Split) -> Split:
    """The examples of two splits in one, those of ``first`` before those of ``second``."""
    count = len(first)

    def of_both(
        read: Callable[[Split, Indices], NDArray[Any]],
    ) -> Callable[[Indices], NDArray[Any]]:
        def take(indices: Indices) -> NDArray[Any]:
            in_first = indices < count
            parts = [read(first, indices[in_first]), read(second, indices[~in_first] - count)]
            order = np.concatenate([np.flatnonzero(in_first), np.flatnonzero(~in_first)])
            return np.concatenate(parts)[np.argsort(order)]

        return take

    known = first.factors_of is not None and second.factors_of is not None
    return Split(
        np.arange(count + len(second)),
        of_both(lambda split, positions: split.read(split.indices[positions])),
        of_both(Split.factors) if known else None,
        of_both(lambda split, positions: (split.content or split.read)(split.indices[positions])),
        names=_joined_names(first, second),
    )


def _joined_names(first: Split, second: Split) -> list[str] | None:
    """The names of the examples of two splits; None if some have none."""
    names = [split.name(place) for split in (first, second) for place in range(len(split))]
    known = [name for name in names if name is not None]
    return known if len(known) == len(names) else None


def random_split(
    count: int,
    read: Callable[[Indices], NDArray[np.float32]],
    factors_of: Callable[[Indices], NDArray[np.int64]] | None = None,
    images: int | None = None,
    content: Callable[[Indices], NDArray[Any]] | None = None,
) -> tuple[Split, Split]:
    """Split a set at random into training and test examples, always in the same way.

    The test split is the last tenth of a permutation by NumPy's Philox generator with seed 0.

    Args:
        count: number of examples of the whole set.
        read, factors_of, content: see `Split`.
        images: number of training images to keep, the first of the permutation.

    Raises:
        DataError: fewer than two images, or fewer training images than asked for.
    """
    if count < 2:
        raise DataError(f"the set has {count} images: at least 2 make a training and a test split")
    order = DataStream.HELD_OUT.generator().permutation(count)
    held_out = max(1, round(_TEST_SHARE * count))
    train, test = order[:-held_out], order[-held_out:]
    whole = Split(order, read, factors_of, content)
    return replace(whole, indices=train).first(images), replace(whole, indices=test)
