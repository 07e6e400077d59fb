"""Sets whose images lie as bytes in one cache file, with the factors of each beside it."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from seatbelt_vae.config import DataConfig
from seatbelt_vae.data.cache import read_records, write_records
from seatbelt_vae.data.dataset import Factor, ImageData, Indices, Split, random_split
from seatbelt_vae.data.downsampling import block_side, mean_bytes, told
from seatbelt_vae.errors import DataError

__all__ = ["About", "image_record", "read_set", "stored_set", "write_set"]


@dataclass(frozen=True)
class About:
    """What is to be known of a set beside its records.

    Args:
        factors: what the records' factors are.
        test_from: records from this one on are the test split (default: a tenth, at random).
        notes, credits: as of `ImageData`.
    """

    factors: tuple[Factor, ...] = ()
    test_from: int | None = None
    notes: tuple[str, ...] = ()
    credits: tuple[str, ...] = ()

    @classmethod
    def of(cls, stated: dict[str, Any]) -> Self:
        """From the JSON in a cache file."""
        factors = tuple(
            Factor(factor["name"], factor["size"], tuple(factor["values"]))
            for factor in stated["factors"]
        )
        return cls(factors, stated["test_from"], tuple(stated["notes"]), tuple(stated["credits"]))


def image_record(image_shape: tuple[int, int, int], factors: int = 0) -> np.dtype[Any]:
    """The record of one example: ``image`` (C, H, W) as bytes, ``factors`` (F)."""
    return np.dtype([("image", np.uint8, image_shape), ("factors", "<i4", (factors,))])


def write_set(
    cache: Path,
    blocks: Iterable[NDArray[Any]],
    record: np.dtype[Any],
    about: Callable[[], About],
    place: Path | str,
) -> None:
    """Write a set's cache file.

    Args:
        cache: the file.
        blocks: arrays of records.
        record: from `image_record`.
        about: asked once all blocks are written.
        place: where the images come from, for the error.

    Raises:
        DataError: fewer than two images.
        ArtifactError: it cannot be written; nothing is left behind.
    """
    write_records(cache, record, _at_least_two(blocks, about, place), lambda: asdict(about()))


def _at_least_two(
    blocks: Iterable[NDArray[Any]], about: Callable[[], About], place: Path | str
) -> Iterator[NDArray[Any]]:
    count = 0
    for block in blocks:
        count += len(block)
        yield block
    if count < 2:
        notes = "".join(f" ({note})" for note in about().notes)
        raise DataError(
            f"{place} gives {count} images{notes}: at least 2 make a training and a test split"
        )


def read_set(cache: Path, config: DataConfig) -> ImageData:
    """The set in a cache file.

    Raises:
        DataError: the file is corrupt; as `stored_set`.
    """
    records = read_records(cache)
    return stored_set(records.rows, About.of(records.about), config, records.digest)


def stored_set(rows: NDArray[Any], about: About, config: DataConfig, digest: str = "") -> ImageData:
    """The set that records of `image_record` hold, bytes 0 … 255 as values -1 … 1.

    Where a fraction of their size is asked for, images shrink as they are read, to bytes again.

    Args:
        rows: the records.
        about: what is to be known beside them.
        config: what is asked for.
        digest: see `ImageData`.

    Raises:
        DataError: no image, fewer training images than asked for, or no fraction of their size.
    """
    images, values = rows["image"], rows["factors"]
    channels, height, width = images.shape[1:]
    block = block_side(config, height, width)

    def read(indices: Indices) -> NDArray[np.float32]:
        pixels = mean_bytes(images[indices], block)
        pixels /= 127.5
        pixels -= 1
        return pixels

    def factors_of(indices: Indices) -> NDArray[np.int64]:
        return values[indices].astype(np.int64)

    known = factors_of if about.factors else None
    test_from = about.test_from
    if test_from is None:
        train, test = random_split(len(images), read, known, config.images)
    else:
        wanted = test_from if config.images is None else config.images
        if wanted > test_from:
            raise DataError(
                f"{wanted} training images asked for, the set has {test_from}: ask for 1 to that "
                f"many"
            )
        train = Split(np.arange(wanted), read, known)
        test = Split(np.arange(test_from, len(images)), read, known)
    return ImageData(
        config.name,
        (-1.0, 1.0),
        (channels, height // block, width // block),
        train,
        test,
        about.factors,
        about.notes + told(block),
        about.credits,
        digest,
    )
