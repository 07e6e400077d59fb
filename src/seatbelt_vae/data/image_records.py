"""Sets stored as records of an image in bytes and its factor values."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from seatbelt_vae.config import DataConfig
from seatbelt_vae.data.cache import read_records, write_records
from seatbelt_vae.data.dataset import Factor, ImageData, Indices, Split, random_split
from seatbelt_vae.data.downsampling import block_notes, block_side, mean_bytes
from seatbelt_vae.errors import DataError
from seatbelt_vae.runs import write_json

__all__ = ["About", "image_record", "read_set", "stored_set", "write_set"]


@dataclass(frozen=True)
class About:
    """The description of a set beside its records.

    Args:
        factors: the factors whose values the records hold.
        test_from: index of the first test record (default: a random tenth is the test split).
        notes, credits: as of `ImageData`.
    """

    factors: tuple[Factor, ...] = ()
    test_from: int | None = None
    notes: tuple[str, ...] = ()
    credits: tuple[str, ...] = ()

    @classmethod
    def of(cls, stated: dict[str, Any]) -> Self:
        """Read the description from the JSON of a cache file."""
        factors = tuple(
            Factor(factor["name"], factor["size"], tuple(factor["values"]))
            for factor in stated["factors"]
        )
        return cls(factors, stated["test_from"], tuple(stated["notes"]), tuple(stated["credits"]))


def image_record(image_shape: tuple[int, int, int], factors: int = 0) -> np.dtype[Any]:
    """The record type of an example: ``image`` (C, H, W) in bytes and ``factors`` (F)."""
    return np.dtype([("image", np.uint8, image_shape), ("factors", "<i4", (factors,))])


def write_set(
    cache: Path,
    blocks: Iterable[NDArray[Any]],
    record: np.dtype[Any],
    about: Callable[[], About],
    place: Path | str,
    names: Callable[[], Sequence[str]] = tuple,
) -> None:
    """Write a set's cache file.

    Args:
        cache: the file.
        blocks: arrays of records.
        record: from `image_record`.
        about: called after the last block.
        place: origin of the images, for error messages.
        names: called after the last block: the names of the files of all examples, if they are
            files; stored beside the cache file, so that the digest of the images stays.

    Raises:
        DataError: fewer than two images.
        ArtifactError: the file cannot be written; none is left behind.
    """
    write_records(cache, record, _at_least_two(blocks, about, place), lambda: asdict(about()))
    if found := names():
        write_json(_names_beside(cache), list(found))


def _names_beside(cache: Path) -> Path:
    return cache.with_suffix(".names.json")


def _stored_names(cache: Path, count: int) -> list[str] | None:
    """The names of the files beside a cache file; None if it has none, as of older versions."""
    try:
        found = json.loads(_names_beside(cache).read_bytes())
    except (OSError, ValueError):
        return None
    known = isinstance(found, list) and len(found) == count
    return [str(name) for name in found] if known else None


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
    """Read the set of a cache file.

    Raises:
        DataError: a corrupt file, or as `stored_set`.
    """
    records = read_records(cache)
    data = stored_set(records.rows, About.of(records.about), config, records.digest)
    names = _stored_names(cache, len(records.rows))
    train, test = (replace(split, names=names) for split in (data.train, data.test))
    return replace(data, train=train, test=test)


def stored_set(rows: NDArray[Any], about: About, config: DataConfig, digest: str = "") -> ImageData:
    """The set of records of `image_record`; bytes 0 … 255 become values -1 … 1.

    At a fraction of their size, images are averaged over blocks and rounded to bytes when read.

    Args:
        rows: the records.
        about: the description of the set.
        config: the settings, such as the image size.
        digest: see `ImageData`.

    Raises:
        DataError: no image, too few training images, or a size that is no fraction of theirs.
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
        train, test = random_split(len(images), read, known, config.images, images.__getitem__)
    else:
        whole = Split(np.arange(len(images)), read, known, images.__getitem__)
        train = replace(whole, indices=whole.indices[:test_from]).first(config.images)
        test = replace(whole, indices=whole.indices[test_from:])
    return ImageData(
        config.name,
        (-1.0, 1.0),
        (channels, height // block, width // block),
        train,
        test,
        about.factors,
        about.notes + block_notes(block),
        about.credits,
        digest,
    )
